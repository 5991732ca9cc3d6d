/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* sink - drops whatever comes in: the end of the way in the benchmarks. Hook: tc ingress. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

SEC("tc") int sink(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
