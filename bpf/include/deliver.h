/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* The way of a packet that comes out of a strand: what it says of its session, and into the wire's other end. */
#ifndef WANWIRE_DELIVER_H
#define WANWIRE_DELIVER_H

#include "connection.h"
#include "count.h"
#include "evidence.h"

/* As in linux/if_packet.h. */
enum { TO_HOST = 0, TO_OTHERS = 3 };

/* The frame's receiver is the wire's other end, whatever its sender made of it. */
static __always_inline bool address_frame(struct __sk_buff *skb, struct ww_wire *wire)
{
	__u8 macs[12], other = 0;

	if (wire->flags & WW_WIRE_ETHERNET) {
		if (skb->pkt_type != TO_OTHERS || bpf_skb_load_bytes(skb, 0, macs, 6))
			return true;
		for (int n = 0; n < 6; n++)
			other |= macs[n] ^ wire->target_mac[n];
		if (!other)
			bpf_skb_change_type(skb, TO_HOST);
		return true;
	}
	__builtin_memcpy(macs, wire->target_mac, 6);
	__builtin_memcpy(macs + 6, wire->port_mac, 6);
	bpf_skb_change_type(skb, TO_HOST);
	return !bpf_skb_store_bytes(skb, 0, macs, sizeof(macs), 0);
}

static __always_inline int deliver(struct __sk_buff *skb, struct packet *p, struct ww_wire *wire,
				   __u32 strand, const int family)
{
	__u32 zero = 0, number = p->four.wire;
	struct ww_control *c = bpf_map_lookup_elem(&control, &zero);
	struct ww_session *s;

	reverse(p, family);
	if (p->tcp & TCP_SYN)
		begins(p, family);
	s = session_of(p, family);
	if (!(wire->flags & WW_WIRE_LEADER) && c && usable(strand, wire->peer)) {
		p->generation = c->generation;
		learn(p, s, strand, family);
		if (!s)
			s = session_of(p, family);
	}
	if (!address_frame(skb, wire))
		return drop(number, WW_DROP_MALFORMED);
	count_rx(p, s, strand, segments(skb));
	heed(skb, p, s, family);
	if (p->tcp & TCP_ENDS)
		ended(p, WW_SESSION_FIN_IN, family);
	/* Marks of the outer packet are this node's own; only from 6.15 does the kernel see to that. */
	skb->mark = 0;
	return wire->flags & WW_WIRE_PEER ? bpf_redirect_peer(wire->target, 0)
					  : bpf_redirect(wire->target, BPF_F_INGRESS);
}

#endif
