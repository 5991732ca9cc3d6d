/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one end of a stream has heard: how much, what is missing, the longest
 * time in which nothing came, and how long messages were under way. Times are
 * nanoseconds of CLOCK_MONOTONIC, which both ends share on one machine.
 */
#ifndef METRONOME_FIGURES_H
#define METRONOME_FIGURES_H

#include <stdint.h>

/* Messages behind the newest one that are told from ones that came twice. */
#define RECENT 65536u
/* Delays that are kept until somebody looks; what comes then is not. */
#define DELAYS (1u << 18)

struct figures {
	/* Since the start. */
	uint64_t sent, received, twice, bytes;
	uint64_t next; /* one more than the highest number that was heard */
	/* Since somebody looked. */
	uint64_t gap_ns, gap_began_ns;
	uint32_t delays;
	uint64_t last_ns; /* when something came; 0: not yet */
	uint64_t recent[RECENT / 64];
	uint64_t delay_ns[DELAYS];
};

/* Message `number`, sent at `sent`, came at `now`. */
void figures_message(struct figures *figures, uint64_t number, uint64_t sent, uint64_t now);

/* `count` bytes came at `now`. */
void figures_bytes(struct figures *figures, uint64_t count, uint64_t now);

/* Prints one line of JSON, and begins anew what is told since the last one. */
void figures_tell(struct figures *figures, const char *error, uint64_t now);

#endif
