/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strands by the time of their next turn: a binary heap, the soonest first. The
 * times stand in the heap itself: strands are far apart in memory.
 */
#ifndef PROBER_QUEUE_H
#define PROBER_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

struct turn {
	uint64_t due;
	uint32_t strand;
};

struct queue {
	struct turn *heap; /* room for all there can be */
	uint32_t *places; /* by strand: its index in the heap plus one; 0 is not in */
	uint32_t count;
};

/* An empty one for strands of numbers below `most`; false where there is no memory. */
bool queue_init(struct queue *queue, uint32_t most);

/* Put in, or move to where `due` belongs. */
void queue_put(struct queue *queue, uint32_t strand, uint64_t due);

/* Take out, wherever it is; nothing where it is not in. */
void queue_remove(struct queue *queue, uint32_t strand);

static inline bool queue_has(const struct queue *queue, uint32_t strand)
{
	return queue->places[strand] != 0;
}

#endif
