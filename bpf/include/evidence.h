/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Follows TCP segments: when one leaves by a strand, and whether it is acknowledged
 * or sent again first. What it costs others is a branch; TCP a look at one place of
 * an array, which nobody writes to for as long as a segment is under way.
 *
 * The strand is the one that the segment left by. Its acknowledgement may come by
 * any: it is looked for where the session sends. A session that has changed its strand
 * meanwhile is not found, and nothing is said of the segment.
 *
 * Who wins the place's first word may count; who loses leaves it alone. So of CPUs that
 * meet there at worst one segment is not followed.
 */
#ifndef WANWIRE_EVIDENCE_H
#define WANWIRE_EVIDENCE_H

#include <linux/ip.h>
#include <linux/ipv6.h>
#include "packet.h"

#define WRITING 1
/* What is neither acknowledged nor sent again for so long is given up. */
#define PATIENCE 2000000000ULL
/* A single byte may ask whether the other end is there, or its window open. */
#define LEAST_DATA 2

/* TCP's header behind IP's, where nothing stands between them and it is in the linear part. */
struct segment {
	__be16 ports[2];
	__be32 seq, ack;
	__u8 header; /* its length, in units of 4 bytes; the upper half */
	__u8 flags;
};

static __always_inline struct segment *segment_of(struct __sk_buff *skb, struct packet *p,
						  const int family)
{
	const __u32 at = ETH_HLEN + (family == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));
	struct segment *segment = (void *)(long)skb->data + at;

	if (p->l4 != at || p->is & (FIRST | LATER) ||
	    (void *)(segment + 1) > (void *)(long)skb->data_end)
		return NULL;
	return segment;
}

/* How many bytes of data it has, by IP's header: a short frame is longer. */
static __always_inline __u32 data_of(struct segment *segment, const int family)
{
	__u32 header = segment->header >> 4 << 2, room;

	if (family == 4) {
		struct iphdr *ip = (void *)segment - sizeof(*ip);

		room = bpf_ntohs(ip->tot_len);
		header += sizeof(*ip);
	} else {
		struct ipv6hdr *ip = (void *)segment - sizeof(*ip);

		room = bpf_ntohs(ip->payload_len);
	}
	return room > header ? room - header : 0;
}

/*
 * A number that a cached session has alone: where it lies, of which the lower half will
 * do. The verifier lets root see that; hashing the key would cost more than all else here.
 */
static __always_inline __u32 number_of(struct ww_session *s)
{
	__u32 low;

	asm volatile("%[low] = %[s]" : [low] "=w"(low) : [s] "w"((__u32)(unsigned long)s));
	return low;
}

static __always_inline struct ww_followed *place_of(__u32 strand, __u32 session)
{
	__u32 at = strand << WW_FOLLOWED_BITS | session * 0x9e3779b1U >> (32 - WW_FOLLOWED_BITS);

	return bpf_map_lookup_elem(&followed, &at);
}

/* Whether sequence number a is before b. */
static __always_inline bool before(__u32 a, __u32 b)
{
	return (__s32)(a - b) < 0;
}

/* Take the place of what was followed since then; only one of all CPUs does. */
static __always_inline bool won(struct ww_followed *place, __u64 since, __u64 next)
{
	return __sync_val_compare_and_swap(&place->sent_ns, since, next) == since;
}

/* Follow the segment; of several that are still one frame the first, as each may be lost. */
APART int begin_following(struct ww_followed *place, __u32 session, __u32 seq, __u32 length,
			  __u32 strand)
{
	struct ww_evidence *e = bpf_map_lookup_elem(&evidence, &strand);
	__u64 since;

	if (!place || !e)
		return 0;
	since = *(volatile __u64 *)&place->sent_ns;
	if (since == WRITING || !won(place, since, WRITING))
		return 0;
	if (since)
		__sync_fetch_and_add(&e->given_up, 1);
	place->session = session;
	place->seq = seq;
	place->end = seq + length;
	__sync_lock_test_and_set(&place->sent_ns, bpf_ktime_get_ns());
	return 0;
}

APART int count_resent(struct ww_followed *place, __u64 since, __u32 strand)
{
	struct ww_evidence *e = bpf_map_lookup_elem(&evidence, &strand);

	if (place && e && won(place, since, 0))
		__sync_fetch_and_add(&e->resent, 1);
	return 0;
}

APART int count_acked(struct ww_followed *place, __u64 since, __u32 strand)
{
	struct ww_evidence *e = bpf_map_lookup_elem(&evidence, &strand);
	__u64 now = bpf_ktime_get_ns(), rtt = now - since;
	__u32 us = rtt / 1000 ?: 1, slice = now >> WW_RTT_SLICE, last;

	if (!place || !e || !won(place, since, 0))
		return 0;
	__sync_fetch_and_add(&e->acked, 1);
	__sync_fetch_and_add(&e->rtt_sum_ns, rtt);
	last = e->slice;
	if (last != slice) {
		e->rtt_min_before_us = last + 1 == slice ? e->rtt_min_us : 0;
		e->rtt_min_us = us;
		e->slice = slice;
	} else if (us < e->rtt_min_us)
		e->rtt_min_us = us;
	return 0;
}

/* What leaves by the strand: the segment that is followed there, once more, or one to follow. */
static __always_inline void follow(struct __sk_buff *skb, struct packet *p, struct ww_session *s,
				   __u32 strand, const int family)
{
	__u32 session, seq, data, mss;
	struct ww_followed *place;
	struct segment *segment;
	__u64 since;
	bool own;

	if (!s || !p->tcp || p->tcp & (TCP_SYN | TCP_RST))
		return;
	session = number_of(s);
	place = place_of(strand, session);
	if (!place)
		return;
	since = *(volatile __u64 *)&place->sent_ns;
	own = place->session == session && since > WRITING;
	/* `last_ns` was counted just now. */
	if (since && !own && s->last_ns < since + PATIENCE)
		return;
	segment = segment_of(skb, p, family);
	if (!segment)
		return;
	data = data_of(segment, family);
	if (data < LEAST_DATA)
		return;
	seq = bpf_ntohl(segment->seq);
	if (own) {
		if (before(seq, place->end) && before(place->seq, seq + data)) {
			count_resent(place, since, strand);
			return;
		}
		if (s->last_ns < since + PATIENCE)
			return;
	}
	mss = skb->gso_size;
	begin_following(place, session, seq, mss && mss < data ? mss : data, strand);
}

/* What comes in: it may acknowledge what is followed. */
static __always_inline void heed(struct __sk_buff *skb, struct packet *p, struct ww_session *s,
				 const int family)
{
	struct ww_followed *place;
	struct segment *segment;
	__u32 session, strand;
	__u64 since;

	if (!s || (p->tcp & (TCP_ACK | TCP_RST)) != TCP_ACK)
		return;
	strand = s->strand;
	session = number_of(s);
	place = place_of(strand, session);
	if (!place)
		return;
	since = *(volatile __u64 *)&place->sent_ns;
	if (since <= WRITING || place->session != session)
		return;
	segment = segment_of(skb, p, family);
	if (segment && !before(bpf_ntohl(segment->ack), place->end))
		count_acked(place, since, strand);
}

#endif
