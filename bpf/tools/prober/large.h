/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Large probes, which ask whether a size passes. Each is a wish of the forwarder's;
 * no figure of the strand knows of it, and nobody here waits for its answer.
 */
#ifndef PROBER_LARGE_H
#define PROBER_LARGE_H

#include "strand.h"

/* Send one, if one is wished for that was not sent. */
void large_turn(const struct plane *plane, struct strand *strand, struct batches *batches,
		uint64_t now);

/* It could not be sent. */
void large_failed(const struct plane *plane, uint32_t strand, int error);

#endif
