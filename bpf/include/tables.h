/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* A part of wire.h: policies, as tables that the programs look a packet's fields up in. */
#ifndef WANWIRE_TABLES_H
#define WANWIRE_TABLES_H

#include <linux/types.h>

/* A set of rules, a bit for each; rule N is bit N % 64 of word N / 64. */
struct ww_bits {
	__u64 word[WW_WORDS];
};

/*
 * The dimensions of a rule set. Each says which rules a packet's field fits;
 * the first rule that all of them allow is the packet's. A dimension that no
 * rule of the set uses is not in `dimensions` and is not looked up.
 */
enum ww_dimension {
	WW_SOURCE4,
	WW_DESTINATION4,
	WW_SOURCE6,
	WW_DESTINATION6,
	WW_SOURCE_PORT,
	WW_DESTINATION_PORT,
	WW_DSCP, /* in `exact` */
	WW_PROTOCOL, /* in `exact` */
	WW_LABELS, /* in `wire_rules` */
};

/* Map `rulesets`, an array by WW_RULESET. */
struct ww_ruleset {
	__u16 rules; /* how many */
	__u16 default_class;
	__u32 dimensions; /* bits 1 << enum ww_dimension */
};

/* Map `rules`, an array: WW_RULESET * WW_RULES + rule. */
struct ww_rule {
	__u16 class_id;
	__u8 mark; /* 255 is none */
	__u8 pad;
};

/*
 * Map `criteria`, an LPM trie -> struct ww_bits. `table` is all 32 bits of it
 * first: WW_TABLE. Each entry's bits hold those of shorter prefixes too; the
 * entry of length 32 (nothing but the table) holds the rules without such a
 * criterion, and serves packets without ports.
 */
struct ww_criterion {
	__u32 length; /* 32 and the prefix's own */
	__u32 table;
	__u8 data[16]; /* an address (4 bytes for IPv4), or a port, from its highest byte on */
};

#define WW_TABLE(bank, policy, dimension) ((bank) << 16 | (policy) << 8 | (dimension))

/* Map `exact`, an array -> struct ww_bits: WW_RULESET * WW_EXACT + DSCP, or + 64 + IP protocol. */
#define WW_EXACT 320

/* Map `wire_rules` -> struct ww_bits: what the labels of the wire's client allow. */
struct ww_wire_bank {
	__u32 wire, bank;
};

/* Map `classes`. */
struct ww_class_of {
	__u32 bank, peer;
	__u16 policy;
	__u16 class_id;
};

struct ww_class {
	__u8 levels; /* how many are in use */
	__u8 soft; /* how many may be taken as a strand is avoided: not its last resort; 0: all */
	__u8 sla; /* number of its SLA, 1 to 31; 0: none */
	__u8 pad[5];
	__u16 slots[WW_LEVELS][WW_SLOTS]; /* strands; 0 is none */
};

#endif
