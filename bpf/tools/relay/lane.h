/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One direction of a link: frames come in, some are lost, the others wait for
 * their time and leave in the order in which they came. Times are nanoseconds
 * of CLOCK_MONOTONIC.
 */
#ifndef RELAY_LANE_H
#define RELAY_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NEVER UINT64_MAX
/* What may wait in one lane: 10 s at 100 Mbit/s. */
#define LANE_FRAMES 131072
#define LANE_BYTES (128u << 20)

struct shape {
	uint64_t delay_ns;
	uint64_t jitter_ns; /* even, both ways, never below no delay */
	uint32_t loss_ppm;
	uint64_t rate_bits; /* a second, of whole frames; 0 is no limit */
};

struct waiting {
	uint64_t due, came;
	uint32_t len;
	uint8_t *frame;
};

struct lane {
	struct shape shape;
	int to; /* the TAP that its frames are written to */
	struct waiting *ring; /* LANE_FRAMES of them */
	uint32_t first, count;
	size_t bytes;
	uint64_t line_free; /* when the last frame has left the line */
	uint64_t last_due;
	uint64_t random;
	/* Told by `stats`. */
	uint64_t passed, lost, dropped;
	uint64_t dwell_ns; /* that those which passed were here, together */
};

/* Returns false where there is no memory. */
bool lane_init(struct lane *lane, int to);

/* A frame that came at `now`. */
void lane_take(struct lane *lane, const uint8_t *frame, uint32_t len, uint64_t now);

/* Send what is due. */
void lane_send(struct lane *lane, uint64_t now);

/* When the next frame is due; NEVER where none waits. */
uint64_t lane_next(const struct lane *lane);

#endif
