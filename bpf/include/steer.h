/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* The way of a packet that enters a wire: its session, its strand, and out. */
#ifndef WANWIRE_STEER_H
#define WANWIRE_STEER_H

#include "connection.h"
#include "count.h"
#include "evidence.h"
#include "too-big.h"
#include "tunnel.h"
#include "unrest.h"

static __always_inline int steer(struct __sk_buff *skb, struct packet *p, struct ww_wire *wire,
				 const int family)
{
	__u32 zero = 0, number = p->four.wire, id = 0, mtu;
	struct ww_control *c = bpf_map_lookup_elem(&control, &zero);
	struct ww_session *s = session_of(p, family);
	struct ww_strand *strand = NULL;

	if (!c)
		return TC_ACT_SHOT;
	if (p->tcp & TCP_SYN && begins(p, family))
		s = NULL;
	p->generation = *(volatile __u32 *)&c->generation;
	p->pin = c->pins ? pinned(p, wire, family) : 0;
	if (s) {
		union head head = head_of(s);

		if (stands(p, s, head)) {
			id = head.strand;
			p->rule = s->rule;
			p->mark = s->mark;
			strand = usable(id, wire->peer);
			if (strand && (s->home != id || strand->avoid & heeds(s->sla))) {
				id = settle(p, wire, s, family);
				strand = usable(id, wire->peer);
			}
		}
	}
	if (!strand) {
		int decided = decide(p, wire, s, family);

		if (decided < 0)
			return drop(number, -decided - 1);
		id = decided;
		strand = bpf_map_lookup_elem(&strands, &id);
		if (!strand)
			return drop(number, WW_DROP_NO_STRAND);
		if (!s)
			s = session_of(p, family);
	}
	mtu = strand->mtu < wire->mtu ? strand->mtu : wire->mtu;
	if (p->length > mtu && !segments_fit(skb, p, mtu, family)) {
		drop(number, WW_DROP_TOO_BIG);
		return answer(skb, p, mtu, family);
	}
	if (set_key(skb, strand, wire->vni, p->mark == 255 ? p->tos & 0xfc : p->mark << 2))
		return drop(number, WW_DROP_TUNNEL);
	count_tx(p, wire, s, id, segments(skb));
	follow(skb, p, s, id, family);
	if (p->tcp & TCP_ENDS)
		ended(p, WW_SESSION_FIN_OUT, family);
	return bpf_redirect(strand->device, 0);
}

/* The wire whose host end this is, and its number. An array is asked first: it is faster. */
static __always_inline struct ww_wire *wire_of(__u32 port, __u32 *number)
{
	__u32 at = port % WW_WIRES, *found, *hint = bpf_map_lookup_elem(&hints, &at);
	struct ww_wire *wire;

	if (!hint)
		return NULL;
	*number = *hint;
	wire = bpf_map_lookup_elem(&wires, number);
	if (wire && wire->port == port && wire->flags & WW_WIRE_USED)
		return wire;
	found = bpf_map_lookup_elem(&ports, &port);
	if (!found)
		return NULL;
	*number = *hint = *found;
	wire = bpf_map_lookup_elem(&wires, number);
	return wire && wire->flags & WW_WIRE_USED ? wire : NULL;
}

#endif
