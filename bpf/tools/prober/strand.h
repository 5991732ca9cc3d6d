/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One strand: when its next probe is due, which probes have had their time, and
 * whether it is silent.
 *
 * A probe has had its time srtt + 4 rttvar after it was sent. A strand is silent
 * when the probes that have had their time without an answer reach from the
 * newest answered one over at least the detection time, and are three at least.
 * So a prober that was stopped finds nothing: what it did not send is not missed.
 */
#ifndef PROBER_STRAND_H
#define PROBER_STRAND_H

#include "batch.h"
#include "plane.h"

struct strand {
	uint32_t number;
	uint64_t due; /* when its next turn is */
	uint64_t interval_ns; /* 0: not probed */
	uint64_t next_send; /* when its next probe is */
	uint64_t verdict; /* when it may be found silent before that; NEVER */
	uint32_t seq; /* of the newest probe */
	uint32_t judged; /* the newest whose time has passed */
	uint64_t judged_ns; /* when that was sent */
	uint32_t lost; /* how many in a row, up to that */
	uint64_t lost_since; /* when the first of them was sent */
	bool silent;
	uint64_t silent_answered; /* answered_ns as it fell silent: a newer answer ends it */
	uint64_t paused_ns; /* how long nothing was sent since paused_answered */
	uint64_t paused_answered; /* the answered_ns that paused_ns is added to */
	uint32_t large; /* the wish for a large probe that was obeyed last */
	__u8 local[16], remote[16]; /* whose probes these are */
};

/*
 * Look at what the forwarder asks for: begin, go on otherwise, or end. Strands of
 * one interval send at `moments` moments of it. Returns whether `due` changed; the
 * strand is not probed where interval_ns is 0 then.
 */
bool strand_follow(const struct plane *plane, struct strand *strand, uint32_t moments,
		   uint64_t now);

/* Whether its turn is now; probes may go up to an eighth of the interval early, together with others. */
bool strand_is_due(const struct strand *strand, uint64_t now);

/* Let the memory of its turn come near: most of what a turn costs is waiting for it. */
static inline void strand_fetch(const struct plane *plane, const struct strand *strand)
{
	__builtin_prefetch(strand);
	__builtin_prefetch(&plane->quality[strand->number], 1);
	__builtin_prefetch(&plane->strands[strand->number]);
	__builtin_prefetch(plane_sent(plane, strand->number, strand->seq));
}

/* Judge, then send if it is time; `due` is the next turn afterwards. */
void strand_turn(const struct plane *plane, struct strand *strand, struct batches *batches,
		 uint64_t now);

/* One of its probes could not be sent. */
void strand_failed(const struct plane *plane, uint32_t strand, int error);

#endif
