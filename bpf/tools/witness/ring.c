// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "ring.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define BLOCK_MOST (1u << 20)
#define BLOCKS_LEAST 4u

/* Blocks of whole pages, several of them, so that one can be read while another fills. */
static void divide(struct ring *ring, size_t size)
{
	uint32_t page = sysconf(_SC_PAGESIZE);
	size_t block = size / BLOCKS_LEAST;

	if (block > BLOCK_MOST)
		block = BLOCK_MOST;
	ring->block_size = block < page ? page : block - block % page;
	ring->blocks = size / ring->block_size;
	if (ring->blocks < BLOCKS_LEAST)
		ring->blocks = BLOCKS_LEAST;
}

static bool is_ethernet(int fd, const char *device)
{
	struct ifreq request = { 0 };

	strncpy(request.ifr_name, device, IFNAMSIZ - 1);
	if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
		return false;
	return request.ifr_hwaddr.sa_family == ARPHRD_ETHER ||
	       request.ifr_hwaddr.sa_family == ARPHRD_LOOPBACK;
}

bool ring_open(struct ring *ring, const char *device, size_t size)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct tpacket_req3 request = { .tp_retire_blk_tov = RING_MS };
	int version = TPACKET_V3;

	memset(ring, 0, sizeof(*ring));
	/* No protocol: nothing comes before it is bound. */
	ring->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	ring->ifindex = if_nametoindex(device);
	if (ring->fd < 0 || ring->ifindex == 0)
		return false;
	ring->ethernet = is_ethernet(ring->fd, device);
	divide(ring, size);
	request.tp_block_size = ring->block_size;
	request.tp_block_nr = ring->blocks;
	/* Frames lie close in a block; this size only has to divide it. */
	request.tp_frame_size = 2048;
	request.tp_frame_nr = ring->block_size / request.tp_frame_size * ring->blocks;
	if (setsockopt(ring->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
	    setsockopt(ring->fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request)) < 0)
		return false;
	ring->memory = mmap(NULL, (size_t)ring->block_size * ring->blocks, PROT_READ | PROT_WRITE,
			    MAP_SHARED, ring->fd, 0);
	if (ring->memory == MAP_FAILED)
		return false;
	address.sll_ifindex = ring->ifindex;
	return bind(ring->fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

static void drain_block(const struct tpacket_block_desc *block,
			void (*take)(void *context, const struct seen *seen), void *context)
{
	const uint8_t *at = (const uint8_t *)block + block->hdr.bh1.offset_to_first_pkt;

	for (uint32_t n = 0; n < block->hdr.bh1.num_pkts; n++) {
		const struct tpacket3_hdr *packet = (const void *)at;
		const struct sockaddr_ll *from =
			(const void *)(at + TPACKET_ALIGN(sizeof(*packet)));
		struct seen seen = {
			.bytes = at + packet->tp_mac,
			.length = packet->tp_snaplen,
			.truncated = packet->tp_snaplen < packet->tp_len,
			.out = from->sll_pkttype == PACKET_OUTGOING,
			.ns = packet->tp_sec * 1000000000ull + packet->tp_nsec,
		};

		take(context, &seen);
		at += packet->tp_next_offset;
	}
}

void ring_drain(struct ring *ring, void (*take)(void *context, const struct seen *seen),
		void *context)
{
	/* Once around, so that the caller gets to look at other things. */
	for (uint32_t n = 0; n < ring->blocks; n++) {
		struct tpacket_block_desc *block =
			(void *)(ring->memory + (size_t)ring->next * ring->block_size);
		uint32_t *status = &block->hdr.bh1.block_status;

		if (!(__atomic_load_n(status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
			return;
		drain_block(block, take, context);
		ring->given += block->hdr.bh1.num_pkts;
		__atomic_store_n(status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		ring->next = (ring->next + 1) % ring->blocks;
	}
}

struct ring_counts ring_count(struct ring *ring)
{
	struct tpacket_stats_v3 counts = { 0 };
	socklen_t size = sizeof(counts);

	getsockopt(ring->fd, SOL_PACKET, PACKET_STATISTICS, &counts, &size);
	/* The kernel begins anew each time. */
	ring->counts.packets += counts.tp_packets;
	ring->counts.drops += counts.tp_drops;
	return ring->counts;
}
