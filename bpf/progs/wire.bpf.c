/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * wire_tx steers what enters a wire: at tc ingress of its host end, onto a
 * strand, through the VXLAN device.
 * wire_rx delivers what comes out of the strands: at tc ingress of that device,
 * into the wire's other end.
 *
 * Both leave counters and cached sessions in the pinned maps, nothing else.
 */
#include "tunnel.h"
#include "session.h"
#include "too-big.h"

/* Go on to whoever stands after us at this hook: TCX_NEXT, TC_ACT_UNSPEC. */
#define PASS -1

static __always_inline int drop(__u32 wire, enum ww_drop why)
{
	struct ww_wire_stats *stats = bpf_map_lookup_elem(&wire_stats, &wire);

	if (stats && why < WW_DROPS)
		stats->drops[why]++;
	return TC_ACT_SHOT;
}

static __always_inline __u32 segments(struct __sk_buff *skb)
{
	return skb->gso_segs ?: 1;
}

static __always_inline void count_tx(struct packet *p, struct ww_wire *wire, struct ww_session *s,
				     __u32 strand, __u32 packets)
{
	__u32 number = p->four.wire;
	__u32 row = WW_RULESET(WW_BANK(p->generation), wire->policy) * WW_RULES + p->rule;
	struct ww_wire_stats *of_wire = bpf_map_lookup_elem(&wire_stats, &number);
	struct ww_stats *of_strand = bpf_map_lookup_elem(&strand_stats, &strand);

	if (of_wire) {
		of_wire->tx_packets += packets;
		of_wire->tx_bytes += p->length;
		of_wire->uncached += !s;
		of_wire->fragments += !!(p->is & ORPHAN);
	}
	if (of_strand) {
		of_strand->tx_packets += packets;
		of_strand->tx_bytes += p->length;
	}
	if (p->rule != WW_NONE) {
		struct ww_stats *of_rule = bpf_map_lookup_elem(&rule_stats, &row);

		if (of_rule) {
			of_rule->tx_packets += packets;
			of_rule->tx_bytes += p->length;
		}
	}
	if (s) {
		__sync_fetch_and_add(&s->tx_packets, packets);
		__sync_fetch_and_add(&s->tx_bytes, p->length);
		s->last_ns = bpf_ktime_get_coarse_ns();
	}
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
	return bpf_redirect(strand->device, 0);
}

static __always_inline int steer_foreign(struct __sk_buff *skb, struct packet *p,
					 struct ww_wire *wire)
{
	if (!(wire->flags & WW_WIRE_ETHERNET))
		return skb->protocol == bpf_htons(ETH_P_ARP) && !skb->vlan_present
			       ? drop(p->four.wire, WW_DROP_NOT_IP)
			       : PASS;
	p->is = FOREIGN;
	return steer(skb, p, wire, 4);
}

SEC("tc") int wire_tx(struct __sk_buff *skb)
{
	__u32 port = skb->ifindex;
	__u32 *number = bpf_map_lookup_elem(&ports, &port);
	struct ww_wire *wire = number ? bpf_map_lookup_elem(&wires, number) : NULL;
	struct packet p = {};

	if (!wire || !(wire->flags & WW_WIRE_USED))
		return drop(0, WW_DROP_NO_WIRE);
	p.four.wire = *number;
	p.length = skb->len - ETH_HLEN;
	if (skb->vlan_present)
		return steer_foreign(skb, &p, wire);
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return parse4(skb, &p) ? steer(skb, &p, wire, 4)
				       : drop(p.four.wire, WW_DROP_MALFORMED);
	if (skb->protocol == bpf_htons(ETH_P_IPV6))
		return parse6(skb, &p) ? steer(skb, &p, wire, 6)
				       : drop(p.four.wire, WW_DROP_MALFORMED);
	return steer_foreign(skb, &p, wire);
}

static __always_inline int deliver(struct __sk_buff *skb, struct packet *p, struct ww_wire *wire,
				   __u32 strand, const int family)
{
	__u32 zero = 0, number = p->four.wire, packets = segments(skb);
	struct ww_wire_stats *of_wire = bpf_map_lookup_elem(&wire_stats, &number);
	struct ww_stats *of_strand = bpf_map_lookup_elem(&strand_stats, &strand);
	struct ww_control *c = bpf_map_lookup_elem(&control, &zero);
	struct ww_session *s;
	__u8 macs[12];

	reverse(p, family);
	s = session_of(p, family);
	if (!(wire->flags & WW_WIRE_LEADER) && c && usable(strand, wire->peer)) {
		p->generation = c->generation;
		learn(p, s, strand, family);
		if (!s)
			s = session_of(p, family);
	}
	if (!(wire->flags & WW_WIRE_ETHERNET)) {
		__builtin_memcpy(macs, wire->target_mac, 6);
		__builtin_memcpy(macs + 6, wire->port_mac, 6);
		if (bpf_skb_store_bytes(skb, 0, macs, sizeof(macs), 0))
			return drop(number, WW_DROP_MALFORMED);
	} else {
	}
	bpf_skb_change_type(skb, 0);
	if (of_wire) {
		of_wire->rx_packets += packets;
		of_wire->rx_bytes += p->length;
	}
	if (of_strand) {
		of_strand->rx_packets += packets;
		of_strand->rx_bytes += p->length;
	}
	if (s) {
		__sync_fetch_and_add(&s->rx_packets, packets);
		__sync_fetch_and_add(&s->rx_bytes, p->length);
		s->last_ns = bpf_ktime_get_coarse_ns();
	}
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
	if (skb->protocol == bpf_htons(ETH_P_IP) && !skb->vlan_present)
		return parse4(skb, &p) ? deliver(skb, &p, wire, from->strand, 4)
				       : drop(p.four.wire, WW_DROP_MALFORMED);
	if (skb->protocol == bpf_htons(ETH_P_IPV6) && !skb->vlan_present)
		return parse6(skb, &p) ? deliver(skb, &p, wire, from->strand, 6)
				       : drop(p.four.wire, WW_DROP_MALFORMED);
	if (!(wire->flags & WW_WIRE_ETHERNET))
		return drop(p.four.wire, WW_DROP_NOT_IP);
	p.is = FOREIGN;
	return deliver(skb, &p, wire, from->strand, 4);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
