/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Which class a packet is of: the first rule that every dimension in use
 * allows, else the rule set's default class.
 */
#ifndef WANWIRE_CLASSIFY_H
#define WANWIRE_CLASSIFY_H

#include "packet.h"

/* The rules that a packet may still fit, and how many words of them are in use. */
struct fitting {
	struct ww_bits bits;
	__u32 words;
};

/* Leave those that `by` allows; false if it is not there. One by one: pointers to all would not verify. */
static __noinline bool narrow(struct fitting *fitting, const struct ww_bits *by)
{
	if (!by)
		return false;
	for (__u32 n = 0; n < WW_WORDS && n < fitting->words; n++)
		fitting->bits.word[n] &= by->word[n];
	return true;
}

static __always_inline const struct ww_bits *by_address(struct ww_criterion *key, __u32 table,
							const void *address, const int family)
{
	key->table = table;
	if (family == 4) {
		key->length = 64;
		__builtin_memcpy(key->data, address, 4);
	} else {
		key->length = 160;
		__builtin_memcpy(key->data, address, 16);
	}
	return bpf_map_lookup_elem(&criteria, key);
}

static __always_inline const struct ww_bits *by_port(struct ww_criterion *key, __u32 table,
						     __u16 port, bool has_ports)
{
	key->length = has_ports ? 48 : 32;
	key->table = table;
	__builtin_memcpy(key->data, &port, sizeof(port));
	return bpf_map_lookup_elem(&criteria, key);
}

static __always_inline const struct ww_bits *by_value(__u32 at)
{
	return bpf_map_lookup_elem(&exact, &at);
}

/* The number of the lowest bit that is set. clang 14 has no such thing for this target. */
static __always_inline __u32 lowest(__u64 word)
{
	word = (word & -word) - 1;
	word -= word >> 1 & 0x5555555555555555ULL;
	word = (word & 0x3333333333333333ULL) + (word >> 2 & 0x3333333333333333ULL);
	/* Not to be seen as what it is: a count of bits. */
	barrier_var(word);
	word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return word * 0x0101010101010101ULL >> 56;
}

/* The first of them; WW_NONE if there is none. */
static __always_inline __u32 first_rule(const struct fitting *fitting)
{
	for (__u32 n = 0; n < WW_WORDS && n < fitting->words; n++)
		if (fitting->bits.word[n])
			return n * 64 + lowest(fitting->bits.word[n]);
	return WW_NONE;
}

#define USES(dimension) (dimensions & 1 << (dimension))

/* Leaves class, rule and mark in `p`; false if there are no tables for it. */
static __noinline bool classify(struct packet *p, struct ww_wire *wire, const int family)
{
	__u32 bank = WW_BANK(p->generation), policy = wire->policy, rule;
	__u32 row = WW_RULESET(bank, policy), table = WW_TABLE(bank, policy, 0);
	__u32 dimensions;
	struct ww_ruleset *set = bpf_map_lookup_elem(&rulesets, &row);
	struct ww_wire_bank of = { p->four.wire, bank };
	const __u32 shift = family == 4 ? 0 : WW_SOURCE6;
	struct ww_criterion key = {};
	struct fitting fitting;
	struct ww_rule *found;

	p->class_id = WW_NONE;
	p->rule = WW_NONE;
	p->mark = 255;
	p->dscp = WW_ANY_DSCP;
	if (!p->generation || !set)
		return false;
	p->class_id = set->default_class;
	p->rule = WW_RULES - 1;
	if (p->is & FOREIGN || !set->rules)
		return true;
	dimensions = set->dimensions;
	if (USES(WW_DSCP))
		p->dscp = p->tos >> 2;
	fitting.words = (set->rules + 63) / 64;
	/* Not to be made a memset: clang 14 has none for this. */
	for (__u32 n = 0; n < WW_WORDS; n++)
		*(volatile __u64 *)&fitting.bits.word[n] = ~0ULL;
	if ((USES(WW_DSCP) && !narrow(&fitting, by_value(row * WW_EXACT + (p->tos >> 2)))) ||
	    (USES(WW_PROTOCOL) &&
	     !narrow(&fitting, by_value(row * WW_EXACT + 64 + FLOW(p, family, protocol)))) ||
	    (USES(WW_LABELS) && !narrow(&fitting, bpf_map_lookup_elem(&wire_rules, &of))) ||
	    (USES(shift + WW_SOURCE4) &&
	     !narrow(&fitting, by_address(&key, table + shift + WW_SOURCE4,
					  ADDRESS(p, family, source), family))) ||
	    (USES(shift + WW_DESTINATION4) &&
	     !narrow(&fitting, by_address(&key, table + shift + WW_DESTINATION4,
					  ADDRESS(p, family, destination), family))) ||
	    (USES(WW_SOURCE_PORT) &&
	     !narrow(&fitting, by_port(&key, table + WW_SOURCE_PORT, FLOW(p, family, source_port),
				       p->is & HAS_PORTS))) ||
	    (USES(WW_DESTINATION_PORT) &&
	     !narrow(&fitting, by_port(&key, table + WW_DESTINATION_PORT,
				       FLOW(p, family, destination_port), p->is & HAS_PORTS))))
		return false;
	rule = first_rule(&fitting);
	if (rule >= set->rules)
		return true;
	row = row * WW_RULES + rule;
	found = bpf_map_lookup_elem(&rules, &row);
	if (!found)
		return false;
	p->class_id = found->class_id;
	p->rule = rule;
	p->mark = found->mark;
	return true;
}

#endif
