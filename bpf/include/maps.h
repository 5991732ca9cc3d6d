/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * The pinned maps; what they hold is said in wire.h. They outlive the
 * programs: the loader finds those of a former life by their names.
 */
#ifndef WANWIRE_MAPS_H
#define WANWIRE_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "wire.h"

#define PINNED __uint(pinning, LIBBPF_PIN_BY_NAME)

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ww_control);
} control SEC(".maps");

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WW_WIRES);
	__type(key, __u32);
	__type(value, __u32);
} ports SEC(".maps");

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WW_WIRES);
	__type(key, __u32);
	__type(value, __u32);
} hints SEC(".maps");

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WW_WIRES);
	__type(key, __u32);
	__type(value, struct ww_wire);
} wires SEC(".maps");

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, WW_STRANDS);
	__type(key, __u32);
	__type(value, struct ww_strand);
} strands SEC(".maps");

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WW_STRANDS);
	__type(key, struct ww_path);
	__type(value, struct ww_path_of);
} paths SEC(".maps");

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WW_WIRES);
	__type(key, struct ww_tunnel);
	__type(value, __u32);
} tunnels SEC(".maps");

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, WW_SESSIONS);
	__type(key, struct ww_flow4);
	__type(value, struct ww_session);
} sessions4 SEC(".maps");

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, WW_SESSIONS);
	__type(key, struct ww_flow);
	__type(value, struct ww_session);
} sessions6 SEC(".maps");

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct ww_flow);
	__type(value, struct ww_pin);
} pins SEC(".maps");

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct ww_fragment4);
	__type(value, struct ww_ports);
} fragments4 SEC(".maps");

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct ww_fragment6);
	__type(value, struct ww_ports);
} fragments6 SEC(".maps");

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WW_ROWS);
	__type(key, __u32);
	__type(value, struct ww_ruleset);
} rulesets SEC(".maps");

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WW_ROWS *WW_RULES);
	__type(key, __u32);
	__type(value, struct ww_rule);
} rules SEC(".maps");

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct ww_criterion);
	__type(value, struct ww_bits);
} criteria SEC(".maps");

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WW_ROWS *WW_EXACT);
	__type(key, __u32);
	__type(value, struct ww_bits);
} exact SEC(".maps");

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, WW_WIRES * 2);
	__type(key, struct ww_wire_bank);
	__type(value, struct ww_bits);
} wire_rules SEC(".maps");

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct ww_class_of);
	__type(value, struct ww_class);
} classes SEC(".maps");

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WW_WIRES);
	__type(key, __u32);
	__type(value, struct ww_wire_stats);
} wire_stats SEC(".maps");

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WW_STRANDS);
	__type(key, __u32);
	__type(value, struct ww_stats);
} strand_stats SEC(".maps");

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WW_ROWS *WW_RULES);
	__type(key, __u32);
	__type(value, struct ww_stats);
} rule_stats SEC(".maps");

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WW_WIRES);
	__type(key, __u32);
	__type(value, struct ww_limit);
} limits SEC(".maps");

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, WW_EVENTS);
} events SEC(".maps");

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ww_lost);
} lost SEC(".maps");

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, WW_STRANDS);
	__type(key, __u32);
	__type(value, struct ww_probe);
} probes SEC(".maps");

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, WW_STRANDS);
	__type(key, __u32);
	__type(value, struct ww_quality);
} quality SEC(".maps");

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, WW_STRANDS *WW_SENT);
	__type(key, __u32);
	__type(value, struct ww_sent);
} sent SEC(".maps");

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, WW_STRANDS);
	__type(key, __u32);
	__type(value, struct ww_large);
} large SEC(".maps");

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct ww_sender);
	__type(value, __u32);
} senders SEC(".maps");

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, WW_STRANDS);
	__type(key, __u32);
	__type(value, struct ww_evidence);
} evidence SEC(".maps");

struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WW_STRANDS *WW_FOLLOWED);
	__type(key, __u32);
	__type(value, struct ww_followed);
} followed SEC(".maps");

/* Only user space reads and writes it. */
struct {
	PINNED;
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct ww_name_of);
	__type(value, struct ww_name);
} names SEC(".maps");

#endif
