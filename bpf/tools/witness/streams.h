/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The edges of the pieces that went by lately, to find the tokens that were cut
 * between two of them, whichever of the two came first. Bounded: of a stream
 * the last pieces, and of streams those that were seen last.
 */
#ifndef WITNESS_STREAMS_H
#define WITNESS_STREAMS_H

#include "pieces.h"
#include "tokens.h"

struct streams {
	struct stream *table;
	/* Streams that were let go although they were seen within the last second. */
	uint64_t forgotten;
};

/* False where there is no memory. */
bool streams_init(struct streams *streams);

/* Tell the tokens that lie across the edges of this piece. */
void streams_take(struct streams *streams, const struct piece *piece, struct tokens *tokens,
		  struct moment when);

#endif
