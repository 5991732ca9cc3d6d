/* SPDX-License-Identifier: Apache-2.0 */
/* Time and chance. All times but NTP's are nanoseconds of CLOCK_MONOTONIC. */
#ifndef PROBER_CLOCK_H
#define PROBER_CLOCK_H

#include <stdint.h>

#define MICROSECOND 1000ull
#define MILLISECOND 1000000ull
#define SECOND 1000000000ull
#define NEVER UINT64_MAX

uint64_t clock_now(void);

/* Wait until then, or until a signal comes. */
void clock_wait(uint64_t until);

/*
 * The time of day at `now`, as RFC 8762 wants it, in network byte order. It is right
 * to a millisecond; below that it is chance: who has not seen the probe cannot answer it.
 */
uint64_t clock_stamp(uint64_t now);

/* 32 bits that nobody can foresee. */
uint32_t clock_chance(void);

#endif
