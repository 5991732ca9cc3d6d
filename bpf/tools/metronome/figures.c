// SPDX-License-Identifier: Apache-2.0
#include "figures.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static void note_gap(struct figures *figures, uint64_t now)
{
	if (figures->last_ns == 0 || now - figures->last_ns <= figures->gap_ns)
		return;
	figures->gap_ns = now - figures->last_ns;
	figures->gap_began_ns = figures->last_ns;
}

static void heard(struct figures *figures, uint64_t now)
{
	note_gap(figures, now);
	figures->last_ns = now;
}

/* Whether a number is new; it is not afterwards. */
static bool take(struct figures *figures, uint64_t number)
{
	uint64_t *word = &figures->recent[number % RECENT / 64], bit = 1ull << number % 64;

	for (; figures->next <= number; figures->next++) {
		uint64_t at = figures->next % RECENT;

		figures->recent[at / 64] &= ~(1ull << at % 64);
	}
	if (number + RECENT < figures->next || (*word & bit) != 0)
		return false;
	*word |= bit;
	return true;
}

void figures_message(struct figures *figures, uint64_t number, uint64_t sent, uint64_t now)
{
	/* A far number would only be a mistake, and long to count up to. */
	if (number > figures->next + (1u << 24))
		return;
	if (!take(figures, number)) {
		figures->twice++;
		return;
	}
	figures->received++;
	if (figures->delays < DELAYS && now >= sent)
		figures->delay_ns[figures->delays++] = now - sent;
	heard(figures, now);
}

void figures_bytes(struct figures *figures, uint64_t count, uint64_t now)
{
	figures->bytes += count;
	heard(figures, now);
}

static int by_size(const void *one, const void *other)
{
	uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;

	return a < b ? -1 : a > b;
}

void figures_tell(struct figures *figures, const char *error, uint64_t now)
{
	uint32_t count = figures->delays;
	uint64_t *delay = figures->delay_ns;

	note_gap(figures, now);
	qsort(delay, count, sizeof(*delay), by_size);
	printf("{\"at_ns\":%" PRIu64 ",\"sent\":%" PRIu64 ",\"expected\":%" PRIu64
	       ",\"received\":%" PRIu64 ",\"twice\":%" PRIu64 ",\"bytes\":%" PRIu64,
	       now, figures->sent, figures->next, figures->received, figures->twice,
	       figures->bytes);
	printf(",\"gap_ns\":%" PRIu64 ",\"gap_began_ns\":%" PRIu64, figures->gap_ns,
	       figures->gap_began_ns);
	if (count > 0)
		printf(",\"delay_ns\":{\"min\":%" PRIu64 ",\"p50\":%" PRIu64 ",\"p99\":%" PRIu64
		       ",\"max\":%" PRIu64 "}",
		       delay[0], delay[count / 2], delay[(uint64_t)count * 99 / 100],
		       delay[count - 1]);
	printf(",\"error\":\"%s\"}\n", error);
	fflush(stdout);
	figures->gap_ns = 0;
	figures->gap_began_ns = figures->last_ns;
	figures->delays = 0;
}
