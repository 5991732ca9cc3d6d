/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Redirects skip the kernel's MTU check: this is ours. What does not fit is
 * dropped, and its sender told so in the name of the destination, as no address
 * here is ours. That is done for IPv4 packets that may be fragmented, too: a
 * router would fragment them, this one cannot, and Linux heeds the answer.
 */
#ifndef WANWIRE_TOO_BIG_H
#define WANWIRE_TOO_BIG_H

#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include "packet.h"

/* How much of the packet the answer quotes: more than any header that we pass. */
#define QUOTE 128
/* Cut off at the front: past the offset of an unfinished checksum, so that it is no more. */
#define CUT 64
/* gso_size of what is segmented by its fragments, which its sender made to fit. */
#define BY_FRAGMENTS 0xffff

/* linux/icmp.h wants a C library. */
enum {
	UNREACHABLE = 3,
	FRAGMENTATION_NEEDED = 4,
	QUENCH = 4,
	REDIRECT = 5,
	EXCEEDED = 11,
	PARAMETER = 12
};

struct icmp4 {
	__u8 type;
	__u8 code;
	__sum16 checksum;
	__be16 unused;
	__be16 mtu;
};

struct answer4 {
	struct iphdr ip;
	struct icmp4 icmp;
	__u8 quote[QUOTE];
};

struct answer6 {
	struct ipv6hdr ip;
	struct icmp6hdr icmp;
	__u8 quote[QUOTE];
};

static __always_inline __u16 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* Whether the segments of a packet that is longer than the MTU fit all the same. */
APART bool segments_fit(struct __sk_buff *skb, struct packet *p, __u32 mtu, const int family)
{
	__u32 size = skb->gso_size, header = 8;
	__u8 offset;

	if (!p)
		return false;
	if (!size || size == BY_FRAGMENTS)
		return size;
	if (FLOW(p, family, protocol) == IPPROTO_TCP) {
		if (bpf_skb_load_bytes(skb, p->l4 + 12, &offset, 1))
			return false;
		header = (offset >> 4) * 4;
	}
	return p->l4 - ETH_HLEN + header + size <= mtu;
}

static __always_inline bool is_group4(__be32 address)
{
	return (address & bpf_htonl(0xf0000000)) == bpf_htonl(0xe0000000) || address == ~0U;
}

static __always_inline bool is_group6(const __u8 *address)
{
	return address[0] == 0xff;
}

static __always_inline bool is_nowhere6(const __u8 *address)
{
	__u32 word[4];

	__builtin_memcpy(word, address, 16);
	return !(word[0] | word[1] | word[2] | word[3]);
}

/* Not to groups, not to errors, not to what is but a part. */
static __always_inline bool may_answer(struct __sk_buff *skb, struct packet *p, const int family)
{
	__u8 type;

	if (p->is & (LATER | FOREIGN) || p->length < QUOTE)
		return false;
	if (family == 4 &&
	    (is_group4(p->four.source) || is_group4(p->four.destination) || !p->four.source))
		return false;
	if (family == 6 && (is_group6(p->six.source) || is_group6(p->six.destination) ||
			    is_nowhere6(p->six.source)))
		return false;
	if (FLOW(p, family, protocol) != (family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return true;
	if (bpf_skb_load_bytes(skb, p->l4, &type, 1))
		return false;
	if (family == 6)
		return type >= 128;
	return type != UNREACHABLE && type != QUENCH && type != REDIRECT && type != EXCEEDED &&
	       type != PARAMETER;
}

/* Turn the frame into an answer that goes back where it came from. */
APART int answer(struct __sk_buff *skb, struct packet *p, __u32 mtu, const int family)
{
	union {
		struct answer4 four;
		struct answer6 six;
	} a = {};
	const __u32 size = family == 4 ? sizeof(a.four) : sizeof(a.six);
	__u8 macs[12], back[12];

	if (!p || !may_answer(skb, p, family) || bpf_skb_load_bytes(skb, 0, macs, sizeof(macs)))
		return TC_ACT_SHOT;
	__builtin_memcpy(back, macs + 6, 6);
	__builtin_memcpy(back + 6, macs, 6);
	if (family == 4) {
		if (bpf_skb_load_bytes(skb, ETH_HLEN, a.four.quote, QUOTE))
			return TC_ACT_SHOT;
		a.four.ip = (struct iphdr){ .version = 4,
					    .ihl = 5,
					    .tos = p->tos & 0xfc,
					    .tot_len = bpf_htons(size),
					    .ttl = 64,
					    .protocol = IPPROTO_ICMP,
					    .saddr = p->four.destination,
					    .daddr = p->four.source };
		a.four.ip.check = fold(bpf_csum_diff(0, 0, (void *)&a.four.ip, 20, 0));
		a.four.icmp.type = UNREACHABLE;
		a.four.icmp.code = FRAGMENTATION_NEEDED;
		a.four.icmp.mtu = bpf_htons(mtu);
		a.four.icmp.checksum =
			fold(bpf_csum_diff(0, 0, (void *)&a.four.icmp, 8 + QUOTE, 0));
	} else {
		if (bpf_skb_load_bytes(skb, ETH_HLEN, a.six.quote, QUOTE))
			return TC_ACT_SHOT;
		a.six.ip.version = 6;
		a.six.ip.payload_len = bpf_htons(8 + QUOTE);
		a.six.ip.nexthdr = IPPROTO_ICMPV6;
		__builtin_memcpy(&a.six.ip.saddr, p->six.destination, 16);
		__builtin_memcpy(&a.six.ip.daddr, p->six.source, 16);
		a.six.icmp.icmp6_type = ICMPV6_PKT_TOOBIG;
		a.six.icmp.icmp6_mtu = bpf_htonl(mtu);
		/* The pseudo header's sum: its fields are those of the header, elsewhere. */
		a.six.icmp.icmp6_cksum =
			fold(bpf_csum_diff(0, 0, (void *)&a.six.ip.saddr, 32 + 8 + QUOTE,
					   bpf_htonl(8 + QUOTE + IPPROTO_ICMPV6)));
		a.six.ip.hop_limit = 64;
	}
	if (bpf_skb_change_tail(skb, ETH_HLEN + size + CUT, 0) ||
	    bpf_skb_adjust_room(skb, -CUT, BPF_ADJ_ROOM_MAC, 0) ||
	    bpf_skb_store_bytes(skb, 0, back, sizeof(back), 0) ||
	    bpf_skb_store_bytes(skb, ETH_HLEN, &a, size, BPF_F_RECOMPUTE_CSUM))
		return TC_ACT_SHOT;
	return bpf_redirect(skb->ifindex, 0);
}

#endif
