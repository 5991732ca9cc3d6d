/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* What went through, and what did not: counters of wires, strands, rules and sessions. */
#ifndef WANWIRE_COUNT_H
#define WANWIRE_COUNT_H

#include <linux/pkt_cls.h>
#include "packet.h"

/* Every refusal comes by here. Wire 0 is for what cannot be told to one. */
static __always_inline int drop(__u32 wire, enum ww_drop why)
{
	struct ww_wire_stats *stats = bpf_map_lookup_elem(&wire_stats, &wire);

	if (stats && why < WW_DROPS)
		stats->drops[why]++;
	return TC_ACT_SHOT;
}

/* How many packets a frame is once it is segmented. */
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
	struct ww_stats *of_rule = NULL;

	if (p->rule != WW_NONE)
		of_rule = bpf_map_lookup_elem(&rule_stats, &row);
	if (of_wire) {
		of_wire->tx_packets += packets;
		of_wire->tx_bytes += p->length;
		if (!s)
			of_wire->uncached += packets;
		if (p->is & ORPHAN)
			of_wire->fragments++;
	}
	if (of_strand) {
		of_strand->tx_packets += packets;
		of_strand->tx_bytes += p->length;
	}
	if (of_rule) {
		of_rule->tx_packets += packets;
		of_rule->tx_bytes += p->length;
	}
	if (s) {
		__sync_fetch_and_add(&s->tx_packets, packets);
		__sync_fetch_and_add(&s->tx_bytes, p->length);
		s->last_ns = bpf_ktime_get_coarse_ns();
	}
}

static __always_inline void count_rx(struct packet *p, struct ww_session *s, __u32 strand,
				     __u32 packets)
{
	__u32 number = p->four.wire;
	struct ww_wire_stats *of_wire = bpf_map_lookup_elem(&wire_stats, &number);
	struct ww_stats *of_strand = bpf_map_lookup_elem(&strand_stats, &strand);

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
}

#endif
