/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * cable - joins two devices of the lab, frame by frame, GSO and all.
 *
 * Hook: tc ingress of a link's ends in the lab's own namespace, put there by
 * tc, one section at a time. It has no maps: the lab numbers its devices so
 * that a device's other end is its index with one bit turned.
 */
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

/* The other end of a cable; and a cable's end at the relay. lab/wires/ends.ts has the same. */
#define OTHER_END 1
#define AT_RELAY 0x10000

/* Into the namespace at the other end, as if it had come there: what a straight veth costs. */
SEC("classifier/peer") int cable_peer(struct __sk_buff *skb)
{
	/* Before 6.15 a frame for another MAC than this device's stays one for somebody else. */
	if (skb->pkt_type == PACKET_OTHERHOST)
		bpf_skb_change_type(skb, PACKET_HOST);
	return bpf_redirect_peer(skb->ifindex ^ OTHER_END, 0);
}

/* Out at the other end: through its queueing, and seen by the receiver with its own MAC in mind. */
SEC("classifier/out") int cable_out(struct __sk_buff *skb)
{
	return bpf_redirect(skb->ifindex ^ OTHER_END, 0);
}

/* To the relay, or from it. */
SEC("classifier/relay") int cable_relay(struct __sk_buff *skb)
{
	return bpf_redirect(skb->ifindex ^ AT_RELAY, 0);
}

/* Lost on the way. */
SEC("classifier/lost") int cable_lost(struct __sk_buff *skb)
{
	return TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
