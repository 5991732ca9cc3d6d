// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "large.h"
#include "clock.h"

/* IP's header of that family, and UDP's. */
static uint32_t headers(uint8_t family)
{
	return family == 6 ? 48 : 28;
}

void large_turn(const struct plane *plane, struct strand *strand, struct batches *batches,
		uint64_t now)
{
	uint32_t wish = LOAD(plane->probes[strand->number].large);
	struct ww_large *large = &plane->large[strand->number];
	uint16_t size = wish >> 16;

	if (wish == strand->large)
		return;
	strand->large = wish;
	if (size < WW_STAMP)
		return;
	STORE(large->state, WW_SENT_EMPTY);
	STORE(large->seq, wish & UINT16_MAX);
	STORE(large->stamp, clock_stamp(now));
	STORE(large->sent_ns, now);
	STORE(large->error, 0);
	STORE(large->tx_bytes,
	      large->tx_bytes + size + headers(plane->strands[strand->number].family));
	STORE(large->state, WW_SENT_UNDER_WAY);
	batches_add(batches, &(struct packet){
				     .strand = strand->number,
				     .seq = wish & UINT16_MAX,
				     .stamp = large->stamp,
				     .size = size,
			     });
}

void large_failed(const struct plane *plane, uint32_t strand, int error)
{
	struct ww_large *large = &plane->large[strand];
	uint16_t size = LOAD(plane->probes[strand].large) >> 16;

	STORE(large->tx_bytes, large->tx_bytes - size - headers(plane->strands[strand].family));
	STORE(large->error, error);
	STORE(large->state, WW_SENT_LOST);
}
