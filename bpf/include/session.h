/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Cached sessions: found, decided anew where their generation or strand is no
 * more, learned from the leader. A lost one is decided again as the tables say.
 */
#ifndef WANWIRE_SESSION_H
#define WANWIRE_SESSION_H

#include "choose.h"
#include "classify.h"
#include "events.h"
#include "pace.h"

/* The bytes of a session that are read and stored at once. */
union head {
	__u64 all;
	struct {
		__u32 generation;
		__u16 strand;
		__u16 class_id;
	};
};

static __always_inline union head head_of(const struct ww_session *session)
{
	return (union head){ .all = *(const volatile __u64 *)session };
}

static __always_inline struct ww_session *session_of(struct packet *p, const int family)
{
	if (family == 4)
		return bpf_map_lookup_elem(&sessions4, &p->four);
	return bpf_map_lookup_elem(&sessions6, &p->six);
}

/* Take a token of the wire's bucket. */
static __always_inline bool may_insert(__u32 wire, __u32 rate)
{
	struct ww_limit *limit = bpf_map_lookup_elem(&limits, &wire);
	__u64 now, before, full;

	if (!rate)
		return true;
	if (!limit)
		return false;
	now = bpf_ktime_get_coarse_ns();
	before = *(volatile __u64 *)&limit->full_ns;
	full = (before > now ? before : now) + SECOND / rate;
	/* Who loses the race goes without: that many at once are above any rate. */
	return full <= now + SECOND &&
	       __sync_val_compare_and_swap(&limit->full_ns, before, full) == before;
}

/* Write what was decided: into the session there is, or into a new one as far as its rate allows. */
static __noinline void keep(struct packet *p, struct ww_session *s, __u32 strand, __u32 flags,
			    const int family)
{
	union head head = { .generation = p->generation,
			    .strand = strand,
			    .class_id = p->class_id };
	__u32 zero = 0, from = s ? s->strand : 0;
	struct ww_session new = {};
	struct ww_control *c;
	long refused;

	if (p->is & ORPHAN)
		flags |= WW_SESSION_FRAGMENT;
	if (s)
		flags |= s->flags & WW_SESSION_ENDS;
	if (s) {
		if (s->strand != strand) {
			s->moves += s->moves != 0xffff;
			s->slice = 0;
		}
		s->rule = p->rule;
		s->mark = p->mark;
		s->dscp = p->dscp;
		s->sla = p->sla;
		s->home = p->home;
		*(volatile __u64 *)s = head.all;
		*(volatile __u8 *)&s->flags = flags;
		/* A full map may have given the entry to another flow meanwhile: decide that one anew. */
		if (session_of(p, family) != s) {
			*(volatile __u64 *)s = 0;
			*(volatile __u8 *)&s->flags = 0;
		} else if (from != strand)
			tell(p, s, from ? WW_EVENT_MOVE : WW_EVENT_CREATE, from, family);
		return;
	}
	c = bpf_map_lookup_elem(&control, &zero);
	if (!c || !may_insert(p->four.wire, c->insert_rate))
		return;
	new.generation = p->generation;
	new.strand = strand;
	new.class_id = p->class_id;
	new.rule = p->rule;
	new.mark = p->mark;
	new.dscp = p->dscp;
	new.sla = p->sla;
	new.home = p->home;
	new.flags = flags;
	/* Another CPU may have been faster: its packets are counted already. */
	if (family == 4)
		refused = bpf_map_update_elem(&sessions4, &p->four, &new, BPF_NOEXIST);
	else
		refused = bpf_map_update_elem(&sessions6, &p->six, &new, BPF_NOEXIST);
	if (!refused)
		tell(p, &new, WW_EVENT_CREATE, 0, family);
}

/* The strand that the flow is pinned to, if it can be used. */
APART __u32 pinned(struct packet *p, struct ww_wire *wire, const int family)
{
	struct ww_flow key = {};
	struct ww_pin *pin;

	if (!p || !wire)
		return 0;
	if (family == 4) {
		key.source[10] = key.source[11] = key.destination[10] = key.destination[11] = 0xff;
		__builtin_memcpy(key.source + 12, &p->four.source, 4);
		__builtin_memcpy(key.destination + 12, &p->four.destination, 4);
		key.source_port = p->four.source_port;
		key.destination_port = p->four.destination_port;
		key.protocol = p->four.protocol;
		key.wire = p->four.wire;
	} else
		key = p->six;
	pin = bpf_map_lookup_elem(&pins, &key);
	return pin && usable(pin->strand, wire->peer) ? pin->strand : 0;
}

/* Whether the cached decision still stands, for a flow that is pinned to p->pin or not at all. */
static __always_inline bool stands(struct packet *p, struct ww_session *s, union head head)
{
	__u8 flags = *(volatile __u8 *)&s->flags;

	if (p->pin || flags & WW_SESSION_PINNED)
		return flags & WW_SESSION_PINNED && head.strand == p->pin &&
		       head.generation == p->generation;
	if (flags & WW_SESSION_LEARNED)
		return true;
	return head.generation == p->generation &&
	       (s->dscp == WW_ANY_DSCP || s->dscp == p->tos >> 2);
}

/* The session's strand, where only its marking changed and not its class; home, if it may come there. */
static __always_inline __u32 still(struct packet *p, struct ww_session *s, __u32 peer)
{
	struct ww_strand *strand;
	union head head;

	if (!s || p->is & AWAY)
		return 0;
	head = head_of(s);
	if (head.generation != p->generation || head.class_id != p->class_id ||
	    s->flags & WW_SESSION_PINNED)
		return 0;
	strand = usable(head.strand, peer);
	if (!strand || strand->avoid & heeds(s->sla))
		return 0;
	p->sla = s->sla;
	p->home = s->home;
	return may_go_home(s, head.strand, peer) ? p->home : head.strand;
}

/* Decide as the tables in force say: the strand, or minus a drop reason less one. */
APART int decide(struct packet *p, struct ww_wire *wire, struct ww_session *s, const int family)
{
	int strand;

	if (!p || !wire)
		return -WW_DROP_NO_WIRE - 1;
	strand = p->pin;
	if (!classify(p, wire, family) && !strand)
		return -WW_DROP_NO_POLICY - 1;
	p->sla = WW_STAYS;
	p->home = strand;
	if (!strand)
		strand = still(p, s, wire->peer);
	if (!strand)
		strand = choose(p, wire, s, family);
	if (s && p->is & AWAY && strand > 0 && strand != s->strand && !may_return(strand))
		strand = s->strand;
	if (strand > 0)
		keep(p, s, strand, p->pin ? WW_SESSION_PINNED : 0, family);
	return strand;
}

/* The other side leads: go on with the strand on which this came. */
static __always_inline void learn(struct packet *p, struct ww_session *s, __u32 strand,
				  const int family)
{
	__u8 flags = s ? s->flags : 0;

	if (flags & WW_SESSION_PINNED || (flags & WW_SESSION_LEARNED && s->strand == strand))
		return;
	p->class_id = WW_NONE;
	p->rule = WW_NONE;
	p->mark = 255;
	p->dscp = WW_ANY_DSCP;
	p->sla = WW_STAYS;
	p->home = strand;
	keep(p, s, strand, WW_SESSION_LEARNED, family);
}

#endif
