// SPDX-License-Identifier: Apache-2.0
#include "lane.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* What waits for a slow line: this long, and always at least so many bytes. */
#define LINE_WAIT_NS 100000000ull
#define LINE_WAIT_BYTES 15140u

bool lane_init(struct lane *lane, int to)
{
	memset(lane, 0, sizeof(*lane));
	lane->to = to;
	lane->ring = calloc(LANE_FRAMES, sizeof(*lane->ring));
	if (getrandom(&lane->random, sizeof(lane->random), 0) < 0 || lane->random == 0)
		lane->random = 88172645463325252ull;
	return lane->ring != NULL;
}

/* xorshift64*: even enough for chance, and no system call. */
static uint32_t chance(struct lane *lane)
{
	lane->random ^= lane->random >> 12;
	lane->random ^= lane->random << 25;
	lane->random ^= lane->random >> 27;
	return (lane->random * 2685821657736338717ull) >> 32;
}

/* A frame's own delay: delay +- jitter, even. */
static uint64_t own_delay(struct lane *lane)
{
	uint64_t jitter = lane->shape.jitter_ns;
	uint64_t shift;

	if (jitter == 0)
		return lane->shape.delay_ns;
	shift = (uint64_t)(((unsigned __int128)(2 * jitter) * chance(lane)) >> 32);
	return lane->shape.delay_ns + shift > jitter ? lane->shape.delay_ns + shift - jitter : 0;
}

/* When the line has sent the frame; NEVER where too much waits for it already. */
static uint64_t through_line(struct lane *lane, uint32_t len, uint64_t now)
{
	uint64_t bits = lane->shape.rate_bits;
	uint64_t longest, start;

	if (bits == 0)
		return now;
	longest = LINE_WAIT_BYTES * 8000000000ull / bits;
	if (longest < LINE_WAIT_NS)
		longest = LINE_WAIT_NS;
	start = lane->line_free > now ? lane->line_free : now;
	if (start - now > longest)
		return NEVER;
	lane->line_free = start + len * 8000000000ull / bits;
	return lane->line_free;
}

/* A frame leaves that was here for `dwell`. */
static void put_out(struct lane *lane, const uint8_t *frame, uint32_t len, uint64_t dwell)
{
	if (write(lane->to, frame, len) == (ssize_t)len) {
		lane->passed++;
		lane->dwell_ns += dwell;
	} else {
		lane->dropped++;
	}
}

void lane_take(struct lane *lane, const uint8_t *frame, uint32_t len, uint64_t now)
{
	struct waiting *slot;
	uint64_t due;

	if (lane->shape.loss_ppm > 0 &&
	    ((uint64_t)chance(lane) * 1000000 >> 32) < lane->shape.loss_ppm) {
		lane->lost++;
		return;
	}
	due = through_line(lane, len, now);
	if (due == NEVER) {
		lane->dropped++;
		return;
	}
	due += own_delay(lane);
	if (due < lane->last_due)
		due = lane->last_due; /* order is kept */
	if (due <= now && lane->count == 0) {
		put_out(lane, frame, len, 0);
		return;
	}
	slot = &lane->ring[(lane->first + lane->count) % LANE_FRAMES];
	if (lane->count == LANE_FRAMES || lane->bytes + len > LANE_BYTES ||
	    (slot->frame = malloc(len)) == NULL) {
		lane->dropped++;
		return;
	}
	memcpy(slot->frame, frame, len);
	slot->len = len;
	slot->due = due;
	slot->came = now;
	lane->last_due = due;
	lane->count++;
	lane->bytes += len;
}

uint64_t lane_next(const struct lane *lane)
{
	return lane->count == 0 ? NEVER : lane->ring[lane->first].due;
}

void lane_send(struct lane *lane, uint64_t now)
{
	while (lane_next(lane) <= now) {
		struct waiting *slot = &lane->ring[lane->first];

		put_out(lane, slot->frame, slot->len, now - slot->came);
		lane->bytes -= slot->len;
		free(slot->frame);
		lane->first = (lane->first + 1) % LANE_FRAMES;
		lane->count--;
	}
}
