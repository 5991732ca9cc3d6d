/* SPDX-License-Identifier: Apache-2.0 */
/* Strands by the time of their next turn: a binary heap, the soonest first. */
#ifndef PROBER_QUEUE_H
#define PROBER_QUEUE_H

#include "strand.h"

#include <stddef.h>

struct queue {
	struct strand **heap; /* room for all there can be */
	uint32_t *places; /* by strand: its index in the heap plus one; 0 is not in */
	uint32_t count;
};

/* An empty one for strands of numbers below `most`; false where there is no memory. */
bool queue_init(struct queue *queue, uint32_t most);

/* Put in, or move to where its `due` belongs. */
void queue_put(struct queue *queue, struct strand *strand);

/* Take out, wherever it is; nothing where it is not in. */
void queue_remove(struct queue *queue, struct strand *strand);

static inline bool queue_has(const struct queue *queue, uint32_t number)
{
	return queue->places[number] != 0;
}

/* The soonest; NULL where there is none. */
static inline struct strand *queue_first(const struct queue *queue)
{
	return queue->count == 0 ? NULL : queue->heap[0];
}

#endif
