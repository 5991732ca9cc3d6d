/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * What an answer says of its strand: round trip, jitter, and which way others
 * were lost. An answer counts if its probe was sent, once.
 */
#ifndef WANWIRE_ANSWERED_H
#define WANWIRE_ANSWERED_H

#include "stamp.h"

/* A reflector that keeps a probe for longer than that (in seconds, as NTP has them) has another clock by now. */
#define LONGEST_DWELL (2ULL << 32)
#define LARGEST 0xffffffffU

/* The probe of that number, if it was sent with that timestamp. */
static __always_inline struct ww_sent *sent_as(__u32 strand, __be32 seq, __be64 stamp)
{
	__u32 number = bpf_ntohl(seq), at = strand * WW_SENT + number % WW_SENT;
	struct ww_sent *probe = bpf_map_lookup_elem(&sent, &at);

	if (!probe || probe->state == WW_SENT_EMPTY || probe->seq != number ||
	    probe->stamp != stamp)
		return NULL;
	return probe;
}

/* How long the reflector had it, in ns; 0 where its clock cannot be believed. */
static __always_inline __u64 dwell(const struct stamp_answer *answer, __u64 most)
{
	__u64 dwell = bpf_be64_to_cpu(answer->stamp) - bpf_be64_to_cpu(answer->received);

	if (dwell > LONGEST_DWELL)
		return 0;
	dwell = dwell * 1000000000ULL >> 32;
	return dwell < most ? dwell : 0;
}

static __always_inline __u32 apart(__u32 a, __u32 b)
{
	return a > b ? a - b : b - a;
}

/* RFC 6298, and the sums. */
static __always_inline void measured(struct ww_quality *of, __u32 rtt)
{
	of->rtt_sum_ns += rtt;
	if (!of->received++) {
		of->srtt_ns = rtt;
		of->rttvar_ns = rtt / 2;
	} else {
		of->jitter_sum_ns += apart(rtt, of->rtt_ns);
		of->rttvar_ns = (3ULL * of->rttvar_ns + apart(of->srtt_ns, rtt)) / 4;
		of->srtt_ns = (7ULL * of->srtt_ns + rtt) / 8;
	}
	of->rtt_ns = rtt;
}

/*
 * Between two answered probes, by our numbers and the reflector's: what it has
 * not numbered it never got, and what it has numbered else it answered in vain.
 * One that has no numbers of its own repeats ours, which begin at 1: it tells nothing.
 */
static __always_inline void directions(struct ww_quality *of, __u32 seq, __u32 reflected)
{
	__s32 sent = seq - of->seen_seq, answered = reflected - of->seen_reflected;

	if (of->answered_ns && sent < 0) {
		/* Overtaken: one that was counted as lost is not. */
		if (answered < 0)
			of->lost_back -= !!of->lost_back;
		else
			of->lost_out -= !!of->lost_out;
		return;
	}
	/* It began anew, or there was none before. */
	if (of->answered_ns && seq != reflected && answered > 0 && answered <= sent) {
		of->lost_out += sent - answered;
		of->lost_back += answered - 1;
	}
	of->seen_seq = seq;
	of->seen_reflected = reflected;
}

/* What came from the reflector's port to the prober's, at `now`. */
APART int answered(struct __sk_buff *skb, __u32 ip, __u64 now)
{
	struct stamp s = { .ip = ip };
	struct ww_quality *of;
	struct ww_sent *probe;
	__u64 sent_ns, rtt;
	__u32 before;

	if (!read_stamp(skb, &s, true))
		return PASS;
	of = bpf_map_lookup_elem(&quality, &s.strand);
	if (!of)
		return PASS;
	probe = sent_as(s.strand, s.answer.sender.seq, s.answer.sender.stamp);
	if (!probe) {
		__sync_fetch_and_add(&of->forged, 1);
		return TC_ACT_SHOT;
	}
	sent_ns = *(volatile __u64 *)&probe->sent_ns;
	before = __sync_val_compare_and_swap(&probe->state, WW_SENT_UNDER_WAY, WW_SENT_ANSWERED);
	if (before == WW_SENT_LOST)
		before = __sync_val_compare_and_swap(&probe->state, WW_SENT_LOST, WW_SENT_LATE);
	if (before != WW_SENT_UNDER_WAY && before != WW_SENT_LOST) {
		__sync_fetch_and_add(&of->forged, 1);
		return TC_ACT_SHOT;
	}
	if (before == WW_SENT_LOST)
		of->late++;
	rtt = now > sent_ns ? now - sent_ns : 0;
	rtt -= dwell(&s.answer, rtt);
	measured(of, rtt > LARGEST ? LARGEST : rtt);
	directions(of, bpf_ntohl(s.answer.sender.seq), bpf_ntohl(s.answer.seq));
	if (of->answered_ns < sent_ns)
		of->answered_ns = sent_ns;
	return TC_ACT_SHOT;
}

/* The same to the port of large probes: that it came is all that it tells. */
APART int answered_large(struct __sk_buff *skb, __u32 ip)
{
	struct stamp s = { .ip = ip };
	struct ww_quality *of;
	struct ww_large *probe;
	__s32 newer;

	if (!read_stamp(skb, &s, true))
		return PASS;
	of = bpf_map_lookup_elem(&quality, &s.strand);
	probe = bpf_map_lookup_elem(&large, &s.strand);
	if (!of || !probe)
		return PASS;
	newer = bpf_ntohl(s.answer.sender.seq) - probe->seq;
	/* Nobody waits for an older one any more. */
	if (newer < 0)
		return TC_ACT_SHOT;
	if (newer || probe->stamp != s.answer.sender.stamp ||
	    __sync_val_compare_and_swap(&probe->state, WW_SENT_UNDER_WAY, WW_SENT_ANSWERED) !=
		    WW_SENT_UNDER_WAY)
		__sync_fetch_and_add(&of->forged, 1);
	else
		probe->rx_bytes += skb->len - ip;
	return TC_ACT_SHOT;
}

/* A probe that leaves: that is when it was sent, also where it waited so long for its neighbour that it was judged. */
APART int departed(struct __sk_buff *skb, __u32 ip, __u64 now)
{
	struct stamp s = { .ip = ip };
	struct ww_sent *probe;

	if (!read_stamp(skb, &s, false))
		return PASS;
	probe = sent_as(s.strand, s.probe.seq, s.probe.stamp);
	if (probe && (probe->state == WW_SENT_UNDER_WAY || probe->state == WW_SENT_LOST))
		*(volatile __u64 *)&probe->sent_ns = now;
	return PASS;
}

#endif
