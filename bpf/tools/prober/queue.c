// SPDX-License-Identifier: Apache-2.0
#include "queue.h"

#include <stdlib.h>

bool queue_init(struct queue *queue, uint32_t most)
{
	queue->heap = calloc(most, sizeof(*queue->heap));
	queue->places = calloc(most, sizeof(*queue->places));
	queue->count = 0;
	return queue->heap != NULL && queue->places != NULL;
}

static void set(struct queue *queue, uint32_t index, struct turn turn)
{
	queue->heap[index] = turn;
	queue->places[turn.strand] = index + 1;
}

static void rise(struct queue *queue, uint32_t index, struct turn turn)
{
	while (index > 0) {
		uint32_t parent = (index - 1) / 2;

		if (queue->heap[parent].due <= turn.due)
			break;
		set(queue, index, queue->heap[parent]);
		index = parent;
	}
	set(queue, index, turn);
}

static void sink(struct queue *queue, uint32_t index, struct turn turn)
{
	for (;;) {
		uint32_t child = 2 * index + 1;

		if (child >= queue->count)
			break;
		if (child + 1 < queue->count && queue->heap[child + 1].due < queue->heap[child].due)
			child++;
		if (turn.due <= queue->heap[child].due)
			break;
		set(queue, index, queue->heap[child]);
		index = child;
	}
	set(queue, index, turn);
}

static void settle(struct queue *queue, uint32_t index, struct turn turn)
{
	if (index > 0 && turn.due < queue->heap[(index - 1) / 2].due)
		rise(queue, index, turn);
	else
		sink(queue, index, turn);
}

void queue_put(struct queue *queue, uint32_t strand, uint64_t due)
{
	struct turn turn = { .due = due, .strand = strand };
	uint32_t place = queue->places[strand];

	if (place == 0)
		rise(queue, queue->count++, turn);
	else
		settle(queue, place - 1, turn);
}

void queue_remove(struct queue *queue, uint32_t strand)
{
	uint32_t place = queue->places[strand];
	struct turn last;

	if (place == 0)
		return;
	queue->places[strand] = 0;
	last = queue->heap[--queue->count];
	if (last.strand != strand)
		settle(queue, place - 1, last);
}
