/* SPDX-License-Identifier: Apache-2.0 */
/* Which stream of bytes a frame is a piece of: a TCP connection, or a packet in fragments. */
#ifndef WITNESS_PIECES_H
#define WITNESS_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No padding: it is compared as bytes. */
struct stream_key {
	/* IPv4 ones are the last four bytes. */
	uint8_t source[16];
	uint8_t destination[16];
	/* Ports; of fragments, which have none, the packet's number. */
	uint8_t ends[4];
	uint8_t protocol;
	uint8_t fragment;
	/* Which way it passed the device. */
	uint8_t direction;
	uint8_t spare;
};

_Static_assert(sizeof(struct stream_key) == 40, "compared as bytes");

struct piece {
	struct stream_key key;
	/* Of the first byte, within the stream. */
	uint32_t start;
	const uint8_t *bytes;
	size_t length;
};

/*
 * The piece that a frame has; false where it is no piece of anything. Of VXLAN,
 * which is known by its looks on any UDP port, it is the inner frame's.
 */
bool piece_of_frame(const uint8_t *frame, size_t length, struct piece *piece);

/* The same of an IP packet. */
bool piece_of_packet(const uint8_t *packet, size_t length, struct piece *piece);

#endif
