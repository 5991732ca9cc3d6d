/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probes of one turn, on their way: UDP, one port for both families, each
 * with its own source address and DSCP, never fragmented. Answers are taken by
 * the programs before they come here; what does come is dropped unread.
 */
#ifndef PROBER_BATCH_H
#define PROBER_BATCH_H

#include "plane.h"

#include <netinet/in.h>
#include <sys/socket.h>

/* How many are sent with one call. */
#define BATCH 128
/* A STAMP packet without extensions; what a larger probe has more is zeros. */
#define STAMP_BYTES WW_STAMP

/* Room for an address and a traffic class, either family's. */
#define CONTROL_BYTES (CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)))

struct batch {
	int fd; /* -1: the kernel has not this family */
	int class; /* the socket's own traffic class: what is like the first of a batch need not say it */
	uint32_t count;
	uint32_t strands[BATCH];
	struct mmsghdr messages[BATCH];
	struct iovec parts[BATCH][2];
	union {
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} to[BATCH];
	_Alignas(struct cmsghdr) unsigned char options[BATCH][CONTROL_BYTES];
	unsigned char packets[BATCH][STAMP_BYTES];
};

struct batches {
	const struct plane *plane;
	struct batch v4, v6;
};

/* Open the sockets and store their port into `control`; ends the process where it cannot. */
void batches_open(struct batches *batches, const struct plane *plane);

/* Note a probe of a strand with that number and stamp; it leaves with the others. */
void batches_add(struct batches *batches, uint32_t strand, uint32_t seq, uint64_t stamp);

/* Send what was added; what cannot be sent is counted in `quality`. */
void batches_send(struct batches *batches);

#endif
