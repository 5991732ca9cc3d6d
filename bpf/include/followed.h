/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * A part of wire.h: what TCP connections that the wires carry tell of a strand.
 * The programs follow single segments that leave by it: each is acknowledged, or
 * sent again first.
 */
#ifndef WANWIRE_FOLLOWED_H
#define WANWIRE_FOLLOWED_H

#include <linux/types.h>

enum {
	WW_FOLLOWED_BITS = 3,
	/* Segments of a strand at a time; a session has always the same place. */
	WW_FOLLOWED = 1 << WW_FOLLOWED_BITS,
};

/* Map `evidence`, by strand, mmap-able: the programs' own. Counters only grow. */
struct ww_evidence {
	__u64 acked; /* followed segments that were acknowledged before they were sent again */
	__u64 resent; /* that were sent again before they were acknowledged */
	__u64 given_up; /* of which neither was seen for 2 s, when another took the place */
	__u64 rtt_sum_ns; /* of `acked`, with all that is behind the strand, and the receiver's own delay */
	__u32 slice; /* of time, 2^30 ns long: the newest with an acknowledgement */
	__u32 rtt_min_us; /* the least within it, */
	__u32 rtt_min_before_us; /* and in the one before; 0: none */
	__u32 pad;
};

/* `slice` is bits 30 to 61 of CLOCK_MONOTONIC. */
#define WW_RTT_SLICE 30

/* Map `followed`, by strand * WW_FOLLOWED + place; the programs' own. */
struct ww_followed {
	__u64 sent_ns; /* 0: none; 1: just being written */
	__u32 session; /* whose, as a number */
	__u32 seq, end; /* what is followed: end is the first byte behind it */
	__u32 pad[3];
};

#endif
