// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "clock.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

/* From 1900, where NTP's time begins, to 1970. */
#define NTP_UNIX 2208988800ull
/* Of NTP's 32 bits below the second: 2^22 of 2^32 are a millisecond. */
#define CHANCE_BITS 22
/* How many words are asked for at once. */
#define CHANCES 1024

uint64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * SECOND + now.tv_nsec;
}

void clock_wait(uint64_t until)
{
	struct timespec then = { .tv_sec = until / SECOND, .tv_nsec = until % SECOND };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL);
}

uint32_t clock_chance(void)
{
	static uint32_t words[CHANCES];
	static unsigned int left;

	if (left == 0) {
		if (getrandom(words, sizeof(words), 0) != sizeof(words)) {
			perror("prober: getrandom");
			exit(1);
		}
		left = CHANCES;
	}
	return words[--left];
}

uint64_t clock_stamp(uint64_t now)
{
	const uint64_t mask = (1ull << CHANCE_BITS) - 1;
	static uint64_t read_at, time;

	/* One look at the clock does for all that goes at once. */
	if (read_at != now) {
		struct timespec day;

		clock_gettime(CLOCK_REALTIME, &day);
		time = (day.tv_sec + NTP_UNIX) << 32 | ((uint64_t)day.tv_nsec << 32) / SECOND;
		read_at = now;
	}
	return htobe64((time & ~mask) | (clock_chance() & mask));
}
