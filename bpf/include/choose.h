/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Which strand a new session gets within its class: by a hash that is the same
 * in both directions and on both nodes.
 */
#ifndef WANWIRE_CHOOSE_H
#define WANWIRE_CHOOSE_H

#include "packet.h"

/* A strand to that peer which is up and answers; NULL otherwise. */
static __always_inline struct ww_strand *usable(__u32 id, __u32 peer)
{
	struct ww_strand *strand = bpf_map_lookup_elem(&strands, &id);

	if (!id || !strand || strand->down | strand->silent || strand->peer != peer)
		return NULL;
	return strand;
}

/* Which bits of a strand's `avoid` count for a session of that SLA. */
static __always_inline __u32 heeds(__u8 sla)
{
	return sla == WW_STAYS ? 0 : 1 | 1U << (sla & 31);
}

static __always_inline __u64 mix(__u64 value)
{
	value ^= value >> 32;
	value *= 0xd6e8feb86659fd93ULL;
	value ^= value >> 32;
	value *= 0xd6e8feb86659fd93ULL;
	return value ^ value >> 32;
}

/* One end of the flow as a number. */
static __always_inline __u64 end_of(const void *address, __u16 port, const int family)
{
	__u64 high, low;

	if (family == 4)
		return (__u64) * (const __u32 *)address << 16 | port;
	__builtin_memcpy(&high, address, 8);
	__builtin_memcpy(&low, address + 8, 8);
	return mix(high ^ port) + low;
}

static __always_inline __u32 hash(struct packet *p, const int family)
{
	__u64 a = end_of(ADDRESS(p, family, source), FLOW(p, family, source_port), family);
	__u64 b =
		end_of(ADDRESS(p, family, destination), FLOW(p, family, destination_port), family);
	__u64 low = a < b ? a : b, high = a < b ? b : a;

	return mix(mix(low) + high + ((__u64)FLOW(p, family, protocol) << 56)) >> 32;
}

struct walk {
	struct ww_class *class;
	__u32 start;
	__u32 stride;
	__u32 peer;
	__u32 heeds; /* strands that are avoided by one of these bits are passed over */
	__u32 stay; /* what is taken wherever it stands; 0: the first that will do */
	__u32 home; /* the first there is, usable or not */
	__u32 strand;
};

/* bpf_loop: one slot. Odd strides come by all slots of a level. */
static long try_slot(__u32 n, struct walk *walk)
{
	__u32 level = n / WW_SLOTS, slot = (walk->start + n * walk->stride) % WW_SLOTS, id;
	struct ww_strand *strand;

	if (level >= WW_LEVELS)
		return 1;
	id = walk->class->slots[level][slot];
	if (!walk->home)
		walk->home = id;
	strand = usable(id, walk->peer);
	if (!strand || strand->avoid & walk->heeds)
		return 0;
	if (!walk->strand || id == walk->stay)
		walk->strand = id;
	return !walk->stay || id == walk->stay;
}

/*
 * The strand, or minus a drop reason less one; home and SLA are left in `p`. What
 * is avoided is passed over while the class has something better to ask for;
 * else it counts as any other, and a session stays where it is.
 */
static __noinline int choose(struct packet *p, struct ww_wire *wire, struct ww_session *s,
			     const int family)
{
	struct ww_class_of of = { WW_BANK(p->generation), wire->peer, wire->policy, p->class_id };
	struct ww_class *class = bpf_map_lookup_elem(&classes, &of);
	__u32 random = hash(p, family);
	struct walk walk = { .class = class,
			     .start = random % WW_SLOTS,
			     .stride = random / WW_SLOTS | 1,
			     .peer = wire->peer };

	if (!class)
		return -WW_DROP_NO_POLICY - 1;
	walk.heeds = heeds(class->sla);
	/* Nearly always the first one will do. */
	if (!try_slot(0, &walk) && !walk.strand)
		bpf_loop((class->soft ?: class->levels) * WW_SLOTS, try_slot, &walk, 0);
	if (!walk.strand) {
		walk.heeds = 0;
		walk.stay = s && usable(s->strand, wire->peer) ? s->strand : 0;
		bpf_loop(class->levels * WW_SLOTS, try_slot, &walk, 0);
	}
	p->sla = class->sla;
	p->home = walk.home;
	return walk.strand ? (int)walk.strand : -WW_DROP_NO_STRAND - 1;
}

#endif
