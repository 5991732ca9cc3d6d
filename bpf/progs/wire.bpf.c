/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * wire_tx steers what enters a wire: at tc ingress of its host end, onto a
 * strand, through the VXLAN device.
 * wire_rx delivers what comes out of the strands: at tc ingress of that device,
 * into the wire's other end.
 *
 * stamp_rx stands at tc ingress of each link's device: it answers the peers'
 * probes and takes the answers to ours. stamp_tx, at tc egress there, notes when
 * ours leave. Both come in two kinds: the other (_l3) is for devices without
 * Ethernet's header. What is not about probes passes on.
 *
 * All leave counters, measurements and cached sessions in the pinned maps, nothing else.
 */
#include "answered.h"
#include "deliver.h"
#include "parse.h"
#include "reflect.h"
#include "steer.h"

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

static __always_inline int stamp_in(struct __sk_buff *skb, const __u32 ip)
{
	__u32 zero = 0, ports = ports_of(skb, ip);
	struct ww_control *c = bpf_map_lookup_elem(&control, &zero);

	if (!ports || !c || skb->pkt_type != TO_HOST || !c->stamp_port)
		return PASS;
	if (destination_of(ports) == c->stamp_port)
		return reflect(skb, ip, bpf_ktime_get_ns(), bpf_ktime_get_tai_ns());
	if (source_of(ports) != c->stamp_port)
		return PASS;
	if (destination_of(ports) == c->probe_port)
		return answered(skb, ip, bpf_ktime_get_ns());
	if (destination_of(ports) == c->large_port)
		return answered_large(skb, ip);
	return PASS;
}

static __always_inline int stamp_out(struct __sk_buff *skb, const __u32 ip)
{
	__u32 zero = 0, ports = ports_of(skb, ip);
	struct ww_control *c = bpf_map_lookup_elem(&control, &zero);

	if (!ports || !c || ports != as_ports(c->probe_port, c->stamp_port))
		return PASS;
	return departed(skb, ip, bpf_ktime_get_ns());
}

SEC("tc") int stamp_rx(struct __sk_buff *skb)
{
	return stamp_in(skb, L2);
}

SEC("tc") int stamp_tx(struct __sk_buff *skb)
{
	return stamp_out(skb, L2);
}

SEC("tc") int stamp_rx_l3(struct __sk_buff *skb)
{
	return stamp_in(skb, L3);
}

SEC("tc") int stamp_tx_l3(struct __sk_buff *skb)
{
	return stamp_out(skb, L3);
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
