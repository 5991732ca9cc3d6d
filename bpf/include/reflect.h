/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * The reflector: turns a probe into its answer, which goes back at once, whether
 * any process of ours runs or not. It has a number of its own for each sender,
 * so that who loses what can be told.
 */
#ifndef WANWIRE_REFLECT_H
#define WANWIRE_REFLECT_H

#include <stddef.h>
#include "stamp.h"

/* RFC 8762, 4.3: of what is reflected. */
#define TTL_OF_ANSWERS 255
/*
 * RFC 8762, 4.2.1: the clock is not known to be right (it may even be TAI), by 2^(0x26 - 32) s,
 * a minute, at most. The time between two of its stamps is exact.
 */
#define CLOCK_ERROR 0x2601
/* From 1900, where NTP begins, to 1970. */
#define EPOCH 2208988800ULL
#define NS 1000000000ULL

static __always_inline __be64 ntp(__u64 ns)
{
	return bpf_cpu_to_be64((ns / NS + EPOCH) << 32 | ((ns % NS) << 32) / NS);
}

/* How many of that sender's were answered before. */
static __always_inline __u32 next_number(struct stamp *s)
{
	struct ww_sender sender = { .strand = s->strand, .port = s->port };
	__u32 *count = bpf_map_lookup_elem(&senders, &sender), one = 1;

	if (count)
		return __sync_fetch_and_add(count, 1);
	bpf_map_update_elem(&senders, &sender, &one, BPF_NOEXIST);
	return 0;
}

/* The bytes there, in two halves, the other way round. The sum over them stays as it is. */
static __always_inline long swap(struct __sk_buff *skb, __u32 at, const __u32 half)
{
	__u8 from[32], to[32];

	if (bpf_skb_load_bytes(skb, at, from, 2 * half))
		return -1;
	__builtin_memcpy(to, from + half, half);
	__builtin_memcpy(to + half, from, half);
	return bpf_skb_store_bytes(skb, at, to, 2 * half, 0);
}

static __always_inline long turn_ip(struct __sk_buff *skb, struct stamp *s)
{
	__u8 ttl = TTL_OF_ANSWERS;

	if (s->family == 6)
		return swap(skb, s->ip + offsetof(struct ipv6hdr, saddr), 16) ||
		       bpf_skb_store_bytes(skb, s->ip + offsetof(struct ipv6hdr, hop_limit), &ttl,
					   sizeof(ttl), 0);
	return swap(skb, s->ip + offsetof(struct iphdr, saddr), 4) ||
	       bpf_l3_csum_replace(skb, s->ip + offsetof(struct iphdr, check),
				   bpf_htons(s->ttl << 8), bpf_htons(ttl << 8), 2) ||
	       bpf_skb_store_bytes(skb, s->ip + offsetof(struct iphdr, ttl), &ttl, sizeof(ttl), 0);
}

/*
 * The payload, and its share of the checksum. Where the kernel has left that to
 * the device, the field is but the sum of the addresses, and stays.
 */
static __always_inline long turn_payload(struct __sk_buff *skb, struct stamp *s,
					 struct stamp_answer *answer)
{
	__s64 difference =
		bpf_csum_diff((__be32 *)&s->probe, WW_STAMP, (__be32 *)answer, WW_STAMP, 0);

	if (difference < 0 ||
	    bpf_skb_store_bytes(skb, s->udp + sizeof(struct udphdr), answer, WW_STAMP, 0))
		return -1;
	if (s->checksum)
		return bpf_l4_csum_replace(skb, s->udp + offsetof(struct udphdr, check), 0,
					   difference, BPF_F_MARK_MANGLED_0);
	bpf_csum_update(skb, difference);
	return 0;
}

/* What it has beyond a usual one. */
static __always_inline void count_beyond(struct __sk_buff *skb, struct stamp *s)
{
	__u32 usual = s->udp + sizeof(struct udphdr) + WW_STAMP;
	struct ww_large *of;

	if (skb->len <= usual)
		return;
	of = bpf_map_lookup_elem(&large, &s->strand);
	if (of)
		__sync_fetch_and_add(&of->reflected_bytes, skb->len - usual);
}

/* A probe that came, at `now` and (by the other clock) at `received`. */
APART int reflect(struct __sk_buff *skb, __u32 ip, __u64 now, __u64 received)
{
	struct stamp_answer answer = {};
	struct stamp s = { .ip = ip };
	struct ww_quality *of;

	if (!read_stamp(skb, &s, true))
		return PASS;
	of = bpf_map_lookup_elem(&quality, &s.strand);
	if (!of)
		return PASS;
	of->heard_ns = now;
	__sync_fetch_and_add(&of->reflected, 1);
	count_beyond(skb, &s);
	answer.seq = bpf_htonl(next_number(&s));
	answer.error = bpf_htons(CLOCK_ERROR);
	answer.ssid = s.probe.ssid;
	answer.received = ntp(received);
	answer.sender.seq = s.probe.seq;
	answer.sender.stamp = s.probe.stamp;
	answer.sender.error = s.probe.error;
	answer.sender.ttl = s.ttl;
	if ((ip == L2 && swap(skb, 0, ETH_ALEN)) || turn_ip(skb, &s) || swap(skb, s.udp, 2))
		return TC_ACT_SHOT;
	answer.stamp = ntp(bpf_ktime_get_tai_ns());
	if (turn_payload(skb, &s, &answer))
		return TC_ACT_SHOT;
	return bpf_redirect(skb->ifindex, 0);
}

#endif
