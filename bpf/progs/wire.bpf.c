/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * wire_tx steers what enters a wire: at tc ingress of its host end, onto a
 * strand, through the VXLAN device.
 * wire_rx delivers what comes out of the strands: at tc ingress of that device,
 * into the wire's other end.
 *
 * Both leave counters and cached sessions in the pinned maps, nothing else.
 */
#include "connection.h"
#include "count.h"
#include "parse.h"
#include "session.h"
#include "too-big.h"
#include "tunnel.h"

/* Go on to whoever stands after us at this hook: TCX_NEXT, TC_ACT_UNSPEC. */
#define PASS -1

/* As in linux/if_packet.h. */
enum { TO_HOST = 0, TO_OTHERS = 3 };

static __always_inline bool is_ip(struct __sk_buff *skb, __u16 type)
{
	return skb->protocol == bpf_htons(type) && !skb->vlan_present;
}

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

SEC("tc") int wire_tx(struct __sk_buff *skb)
{
	struct packet p = {};
	struct ww_wire *wire = wire_of(skb->ifindex, &p.four.wire);

	if (!wire)
		return drop(0, WW_DROP_NO_WIRE);
	p.length = skb->len - ETH_HLEN;
	if (is_ip(skb, ETH_P_IPV6))
		return parse6(skb, &p) ? steer(skb, &p, wire, 6)
				       : drop(p.four.wire, WW_DROP_MALFORMED);
	if (is_ip(skb, ETH_P_IP)) {
		if (!parse4(skb, &p))
			return drop(p.four.wire, WW_DROP_MALFORMED);
	} else if (wire->flags & WW_WIRE_ETHERNET)
		p.is = FOREIGN;
	else
		return is_ip(skb, ETH_P_ARP) ? drop(p.four.wire, WW_DROP_NOT_IP) : PASS;
	return steer(skb, &p, wire, 4);
}

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
	if (p->tcp & TCP_ENDS)
		ended(p, WW_SESSION_FIN_IN, family);
	/* Marks of the outer packet are this node's own; only from 6.15 does the kernel see to that. */
	skb->mark = 0;
	return wire->flags & WW_WIRE_PEER ? bpf_redirect_peer(wire->target, 0)
					  : bpf_redirect(wire->target, BPF_F_INGRESS);
}

SEC("tc") int wire_rx(struct __sk_buff *skb)
{
	struct ww_tunnel tunnel;
	struct ww_path_of *from;
	struct ww_path path;
	struct ww_wire *wire;
	struct packet p = {};
	__u32 *number;

	if (!get_key(skb, &tunnel.vni, &path))
		return drop(0, WW_DROP_NOT_SOURCE);
	from = bpf_map_lookup_elem(&paths, &path);
	if (!from)
		return drop(0, WW_DROP_NOT_SOURCE);
	tunnel.peer = from->peer;
	number = bpf_map_lookup_elem(&tunnels, &tunnel);
	wire = number ? bpf_map_lookup_elem(&wires, number) : NULL;
	if (!wire || !(wire->flags & WW_WIRE_USED))
		return drop(0, WW_DROP_NO_WIRE);
	p.four.wire = *number;
	p.length = skb->len - ETH_HLEN;
	if (is_ip(skb, ETH_P_IPV6))
		return parse6(skb, &p) ? deliver(skb, &p, wire, from->strand, 6)
				       : drop(p.four.wire, WW_DROP_MALFORMED);
	if (is_ip(skb, ETH_P_IP)) {
		if (!parse4(skb, &p))
			return drop(p.four.wire, WW_DROP_MALFORMED);
	} else if (wire->flags & WW_WIRE_ETHERNET)
		p.is = FOREIGN;
	else
		return drop(p.four.wire, WW_DROP_NOT_IP);
	return deliver(skb, &p, wire, from->strand, 4);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
