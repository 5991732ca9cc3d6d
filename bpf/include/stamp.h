/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Probes and their answers, as RFC 8762 has them (unauthenticated), and how one
 * is told from all else that a link's device carries. Nothing is believed but
 * what comes between the two addresses of a strand.
 */
#ifndef WANWIRE_STAMP_H
#define WANWIRE_STAMP_H

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
#include "packet.h"

/* Where IP's header begins: behind Ethernet's, or at once. */
enum { L2 = ETH_HLEN, L3 = 0 };

#define UNALIGNED __attribute__((packed, aligned(4)))

/* As a sender has it. */
struct stamp_probe {
	__be32 seq;
	__be64 stamp;
	__be16 error;
	__be16 ssid;
	__u8 rest[28];
} UNALIGNED;

/* As a reflector has it. */
struct stamp_answer {
	__be32 seq; /* the reflector's own */
	__be64 stamp;
	__be16 error;
	__be16 ssid;
	__be64 received;
	struct {
		__be32 seq;
		__be64 stamp;
		__be16 error;
		__be16 pad;
		__u8 ttl;
		__u8 pad2[3];
	} UNALIGNED sender;
} UNALIGNED;

_Static_assert(sizeof(struct stamp_probe) == WW_STAMP && sizeof(struct stamp_answer) == WW_STAMP,
	       "both are of the same size");

/* One of the two, and where it is. */
struct stamp {
	struct ww_path path;
	__u32 strand;
	__u32 ip; /* offset of its header */
	__u32 udp;
	__u32 checksum; /* UDP's as it is; 0: none */
	__u16 port; /* of its sender, as in the packet */
	__u8 ttl;
	__u8 family;
	union {
		struct stamp_probe probe;
		struct stamp_answer answer;
	};
};

/* The shortest frame that may hold one. */
#define LEAST (sizeof(struct iphdr) + sizeof(struct udphdr) + WW_STAMP)
/* What is read of it here: as far as the ports behind IPv6's header. */
#define HEAD (sizeof(struct ipv6hdr) + 4)

/* UDP's ports as the packet has them, source first; 0 if it has none, or options or fragments. */
static __always_inline __u32 ports_of(struct __sk_buff *skb, const __u32 ip)
{
	void *head = (void *)(long)skb->data + ip;
	struct ipv6hdr *six;
	struct iphdr *four;

	if (skb->len < ip + LEAST || skb->gso_size)
		return 0;
	if (head + HEAD > (void *)(long)skb->data_end) {
		if (bpf_skb_pull_data(skb, ip + HEAD))
			return 0;
		head = (void *)(long)skb->data + ip;
		if (head + HEAD > (void *)(long)skb->data_end)
			return 0;
	}
	four = head;
	six = head;
	if (is_ip(skb, ETH_P_IP) && four->protocol == IPPROTO_UDP && *(__u8 *)head == 0x45 &&
	    !(four->frag_off & bpf_htons(0x3fff)))
		return *(__u32 *)(four + 1);
	if (is_ip(skb, ETH_P_IPV6) && six->nexthdr == IPPROTO_UDP && six->version == 6)
		return *(__u32 *)(six + 1);
	return 0;
}

/* The same as two numbers. */
static __always_inline __u32 as_ports(__u32 source, __u32 destination)
{
	return bpf_htons(source) | (__u32)bpf_htons(destination) << 16;
}

static __always_inline __u32 source_of(__u32 both)
{
	return bpf_ntohs(both & 0xffff);
}

static __always_inline __u32 destination_of(__u32 both)
{
	return bpf_ntohs(both >> 16);
}

/* IP's header: addresses and TTL. */
static __always_inline bool read_ip(struct __sk_buff *skb, struct stamp *s)
{
	struct ipv6hdr six;
	struct iphdr four;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		if (bpf_skb_load_bytes(skb, s->ip, &four, sizeof(four)))
			return false;
		s->family = 4;
		s->ttl = four.ttl;
		s->udp = s->ip + sizeof(four);
		s->path.local[10] = s->path.local[11] = 0xff;
		s->path.remote[10] = s->path.remote[11] = 0xff;
		__builtin_memcpy(s->path.local + 12, &four.saddr, 4);
		__builtin_memcpy(s->path.remote + 12, &four.daddr, 4);
		return true;
	}
	if (bpf_skb_load_bytes(skb, s->ip, &six, sizeof(six)))
		return false;
	s->family = 6;
	s->ttl = six.hop_limit;
	s->udp = s->ip + sizeof(six);
	__builtin_memcpy(s->path.local, &six.saddr, 32);
	return true;
}

/* Read one that leaves (or `came`), for `s`, zero but for `ip`; false if it is none of a strand's. */
static __always_inline bool read_stamp(struct __sk_buff *skb, struct stamp *s, const bool came)
{
	struct ww_path_of *of;
	struct udphdr udp;
	__u64 address[4];

	if (!read_ip(skb, s) || bpf_skb_load_bytes(skb, s->udp, &udp, sizeof(udp)))
		return false;
	s->port = udp.source;
	s->checksum = udp.check;
	if (bpf_ntohs(udp.len) < sizeof(udp) + WW_STAMP || s->udp + bpf_ntohs(udp.len) > skb->len ||
	    bpf_skb_load_bytes(skb, s->udp + sizeof(udp), &s->probe, WW_STAMP))
		return false;
	if (came) {
		__builtin_memcpy(address, &s->path, 32);
		__builtin_memcpy(s->path.local, address + 2, 16);
		__builtin_memcpy(s->path.remote, address, 16);
	}
	of = bpf_map_lookup_elem(&paths, &s->path);
	if (!of)
		return false;
	s->strand = of->strand;
	return true;
}

#endif
