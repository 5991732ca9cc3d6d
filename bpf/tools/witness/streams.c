// SPDX-License-Identifier: Apache-2.0
#include "streams.h"

#include <stdlib.h>
#include <string.h>

#define SECOND 1000000000ull
/* Of a stream: what may have come between a piece and its neighbour, sent once more. */
#define PIECES 16
#define WAYS 8
#define SETS 1024
/* No token is longer. */
#define EDGE 64

_Static_assert(TOKEN_MOST <= EDGE, "an edge holds a token but for one byte");

/* The first and the last bytes of a piece. */
struct edges {
	uint32_t start;
	uint32_t end;
	uint8_t head_length;
	uint8_t tail_length;
	uint8_t head[EDGE];
	uint8_t tail[EDGE];
};

struct stream {
	struct stream_key key;
	/* When it was seen last; 0 where there is none. */
	uint64_t ns;
	/* The piece that comes goes here. */
	uint32_t next;
	struct edges pieces[PIECES];
};

bool streams_init(struct streams *streams)
{
	memset(streams, 0, sizeof(*streams));
	/* Memory is taken only as streams come. */
	streams->table = calloc(SETS * WAYS, sizeof(*streams->table));
	return streams->table != NULL;
}

static uint32_t hash(const struct stream_key *key)
{
	const uint8_t *bytes = (const uint8_t *)key;
	uint64_t value = 14695981039346656037ull;

	for (size_t at = 0; at < sizeof(*key); at++)
		value = (value ^ bytes[at]) * 1099511628211ull;
	return value ^ value >> 32;
}

/* The stream, a new one where it is not known. */
static struct stream *stream_of(struct streams *streams, const struct stream_key *key, uint64_t ns)
{
	struct stream *set = &streams->table[hash(key) % SETS * WAYS], *oldest = set;

	for (int way = 0; way < WAYS; way++) {
		if (set[way].ns != 0 && memcmp(&set[way].key, key, sizeof(*key)) == 0)
			return &set[way];
		if (set[way].ns < oldest->ns)
			oldest = &set[way];
	}
	if (oldest->ns != 0 && oldest->ns + SECOND > ns)
		streams->forgotten++;
	memset(oldest, 0, sizeof(*oldest));
	oldest->key = *key;
	return oldest;
}

/* What of `before` comes before byte `start`, followed by the first bytes of `after`. */
static size_t join(const struct edges *before, const struct edges *after, uint8_t joined[2 * EDGE])
{
	/* Where the two overlap, what was sent once more is the same. */
	uint32_t overlap = before->end - after->start;
	size_t kept;

	if (overlap > before->tail_length || after->start == before->start)
		return 0;
	kept = before->tail_length - overlap;
	memcpy(joined, before->tail, kept);
	memcpy(joined + kept, after->head, after->head_length);
	return kept + after->head_length;
}

static void put_tail(struct edges *edges, const uint8_t *bytes, size_t length)
{
	edges->tail_length = length < EDGE ? length : EDGE;
	memcpy(edges->tail, bytes + length - edges->tail_length, edges->tail_length);
}

void streams_take(struct streams *streams, const struct piece *piece, struct tokens *tokens,
		  struct moment when)
{
	struct stream *stream = stream_of(streams, &piece->key, when.ns);
	uint8_t joined[2 * EDGE];
	struct edges own;
	size_t length;

	own.start = piece->start;
	own.end = piece->start + piece->length;
	own.head_length = piece->length < EDGE ? piece->length : EDGE;
	memcpy(own.head, piece->bytes, own.head_length);
	put_tail(&own, piece->bytes, piece->length);
	for (int n = 0; n < PIECES; n++) {
		const struct edges *other = &stream->pieces[n];

		if (other->head_length == 0)
			continue;
		length = join(other, &own, joined);
		tokens_in(tokens, joined, length, when);
		/* Its tail is that of the stream: a token may be cut into more than two. */
		if (length > 0 && piece->length < EDGE)
			put_tail(&own, joined, length);
	}
	for (int n = 0; n < PIECES; n++) {
		if (stream->pieces[n].head_length > 0)
			tokens_in(tokens, joined, join(&own, &stream->pieces[n], joined), when);
	}
	stream->ns = when.ns;
	stream->pieces[stream->next++ % PIECES] = own;
}
