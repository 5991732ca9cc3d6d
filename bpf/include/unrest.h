/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Sessions whose strand is usable, but not the right one: it is avoided, or is
 * not the session's home. Nearly no session is such a one.
 */
#ifndef WANWIRE_UNREST_H
#define WANWIRE_UNREST_H

#include "session.h"

/* How many slices pass until a session that is away looks around again. */
#define AWAY_SLICES 8

/* Home, as one store; the strand to go on with. */
static __always_inline __u32 go_home(struct packet *p, struct ww_session *s, union head head,
				     const int family)
{
	union head next = head;

	next.strand = s->home;
	/* Another CPU was faster, or the entry is another flow's by now. */
	if (__sync_val_compare_and_swap((__u64 *)s, head.all, next.all) != head.all)
		return head.strand;
	s->moves += s->moves != 0xffff;
	s->slice = 0;
	tell(p, s, WW_EVENT_MOVE, head.strand, family);
	return next.strand;
}

/* The strand to go on with; 0: it must be decided anew. */
APART __u32 settle(struct packet *p, struct ww_wire *wire, struct ww_session *s, const int family)
{
	struct ww_strand *strand;
	union head head;
	__u32 slice, old;

	if (!p || !wire || !s)
		return 0;
	head = head_of(s);
	strand = usable(head.strand, wire->peer);
	if (!strand)
		return 0;
	slice = bpf_ktime_get_coarse_ns() >> WW_SLICE;
	old = s->slice;
	if (strand->avoid & heeds(s->sla)) {
		s->slice = slice;
		return slice == old ? head.strand : 0;
	}
	if (s->home == head.strand || s->sla == WW_STAYS)
		return head.strand;
	if (may_go_home(s, head.strand, wire->peer))
		return go_home(p, s, head, family);
	/* Where it is may be worse than what has come back meanwhile, which is not its home. */
	if (slice / AWAY_SLICES == old / AWAY_SLICES)
		return head.strand;
	s->slice = slice;
	p->is |= AWAY;
	return 0;
}

#endif
