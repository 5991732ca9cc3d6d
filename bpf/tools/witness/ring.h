/* SPDX-License-Identifier: Apache-2.0 */
/* Every packet of one device, in memory shared with the kernel (TPACKET_V3). */
#ifndef WITNESS_RING_H
#define WITNESS_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A block is handed over when it is full, or after so long. */
#define RING_MS 10

/* What the kernel counted. */
struct ring_counts {
	uint64_t packets;
	uint64_t drops;
};

struct ring {
	int fd;
	int ifindex;
	/* Packets begin with an Ethernet header. */
	bool ethernet;
	uint8_t *memory;
	uint32_t block_size;
	uint32_t blocks;
	uint32_t next;
	/* Packets that were given away. */
	uint64_t given;
	struct ring_counts counts;
};

struct seen {
	const uint8_t *bytes;
	size_t length;
	/* Longer than the ring can hold. */
	bool truncated;
	/* It left by the device. */
	bool out;
	uint64_t ns;
};

/* Open a ring of about `size` bytes; false with errno where that cannot be. */
bool ring_open(struct ring *ring, const char *device, size_t size);

/* Give each packet of the blocks that are ready to `take`. */
void ring_drain(struct ring *ring, void (*take)(void *context, const struct seen *seen),
		void *context);

/* What was counted until now; of packets, drops are part. */
struct ring_counts ring_count(struct ring *ring);

#endif
