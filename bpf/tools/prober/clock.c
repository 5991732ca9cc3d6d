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

uint64_t clock_stamp(void)
{
	uint32_t chance = clock_chance() & ((1u << CHANCE_BITS) - 1);
	struct timespec now;
	uint64_t fraction;

	clock_gettime(CLOCK_REALTIME, &now);
	fraction = ((uint64_t)now.tv_nsec << 32) / SECOND;
	fraction = (fraction & ~((1ull << CHANCE_BITS) - 1)) | chance;
	return htobe64((now.tv_sec + NTP_UNIX) << 32 | fraction);
}
