/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* Reads the headers of what nearly all packets are; whatever is unusual is left to parse.h. */
#ifndef WANWIRE_USUAL_H
#define WANWIRE_USUAL_H

#include <linux/ip.h>
#include <linux/ipv6.h>
#include "packet.h"

/* What nearly all packets are: TCP or UDP right behind IP, whole, in the packet's linear part. */
static __always_inline bool is_usual(__u8 protocol, __u32 room)
{
	return (protocol == IPPROTO_UDP && room >= 8) || (protocol == IPPROTO_TCP && room >= 20);
}

/* TCP's flags too, where they are in the linear part. */
static __always_inline bool usual_tcp(struct __sk_buff *skb, struct packet *p, void *l4)
{
	__u8 *flags = l4 + TCP_FLAGS;

	if ((void *)(flags + 1) > (void *)(long)skb->data_end)
		return false;
	p->tcp = *flags;
	return true;
}

static __always_inline bool parse_usual4(struct __sk_buff *skb, struct packet *p)
{
	struct iphdr *ip = (void *)(long)skb->data + ETH_HLEN;
	__u16 *l4 = (void *)(ip + 1);
	__u32 total;

	if ((void *)(l4 + 4) > (void *)(long)skb->data_end || *(__u8 *)ip != 0x45 ||
	    ip->frag_off & bpf_htons(0x3fff))
		return false;
	total = bpf_ntohs(ip->tot_len);
	if (total < sizeof(*ip) || total > p->length ||
	    !is_usual(ip->protocol, total - sizeof(*ip)))
		return false;
	if (ip->protocol == IPPROTO_TCP && !usual_tcp(skb, p, l4))
		return false;
	p->four.source = ip->saddr;
	p->four.destination = ip->daddr;
	p->four.source_port = l4[0];
	p->four.destination_port = l4[1];
	p->four.protocol = ip->protocol;
	p->tos = ip->tos;
	p->l4 = ETH_HLEN + sizeof(*ip);
	p->is = HAS_PORTS;
	return true;
}

static __always_inline bool parse_usual6(struct __sk_buff *skb, struct packet *p)
{
	struct ipv6hdr *ip = (void *)(long)skb->data + ETH_HLEN;
	__u16 *l4 = (void *)(ip + 1);
	__u32 room;

	if ((void *)(l4 + 4) > (void *)(long)skb->data_end || ip->version != 6)
		return false;
	room = bpf_ntohs(ip->payload_len);
	if (sizeof(*ip) + room > p->length || !is_usual(ip->nexthdr, room))
		return false;
	if (ip->nexthdr == IPPROTO_TCP && !usual_tcp(skb, p, l4))
		return false;
	__builtin_memcpy(p->six.source, &ip->saddr, 32);
	p->six.source_port = l4[0];
	p->six.destination_port = l4[1];
	p->six.protocol = ip->nexthdr;
	p->tos = ip->priority << 4 | ip->flow_lbl[0] >> 4;
	p->l4 = ETH_HLEN + sizeof(*ip);
	p->is = HAS_PORTS;
	return true;
}

#endif
