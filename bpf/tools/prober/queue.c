// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "queue.h"

#include <stdlib.h>

bool queue_init(struct queue *queue, uint32_t most)
{
	queue->heap = calloc(most, sizeof(*queue->heap));
	queue->places = calloc(most, sizeof(*queue->places));
	queue->count = 0;
	return queue->heap != NULL && queue->places != NULL;
}

static void set(struct queue *queue, uint32_t index, struct strand *strand)
{
	queue->heap[index] = strand;
	queue->places[strand->number] = index + 1;
}

static void rise(struct queue *queue, uint32_t index, struct strand *strand)
{
	while (index > 0) {
		uint32_t parent = (index - 1) / 2;

		if (queue->heap[parent]->due <= strand->due)
			break;
		set(queue, index, queue->heap[parent]);
		index = parent;
	}
	set(queue, index, strand);
}

static void sink(struct queue *queue, uint32_t index, struct strand *strand)
{
	for (;;) {
		uint32_t child = 2 * index + 1;

		if (child >= queue->count)
			break;
		if (child + 1 < queue->count &&
		    queue->heap[child + 1]->due < queue->heap[child]->due)
			child++;
		if (strand->due <= queue->heap[child]->due)
			break;
		set(queue, index, queue->heap[child]);
		index = child;
	}
	set(queue, index, strand);
}

static void settle(struct queue *queue, uint32_t index, struct strand *strand)
{
	if (index > 0 && strand->due < queue->heap[(index - 1) / 2]->due)
		rise(queue, index, strand);
	else
		sink(queue, index, strand);
}

void queue_put(struct queue *queue, struct strand *strand)
{
	uint32_t place = queue->places[strand->number];

	if (place == 0)
		rise(queue, queue->count++, strand);
	else
		settle(queue, place - 1, strand);
}

void queue_remove(struct queue *queue, struct strand *strand)
{
	uint32_t place = queue->places[strand->number];
	struct strand *last;

	if (place == 0)
		return;
	queue->places[strand->number] = 0;
	last = queue->heap[--queue->count];
	if (last != strand)
		settle(queue, place - 1, last);
}
