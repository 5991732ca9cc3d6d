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
	/* What is told of a probe that cannot be sent, and why. */
	void (*failed)(const struct plane *plane, uint32_t strand, int error);
	struct batch v4, v6;
};

/*
 * Open the sockets, at the port that `word` of `control` has if it is free, and store theirs
 * there. `discover` is what they heed, IP_PMTUDISC_... Ends the process where it cannot.
 */
void batches_open(struct batches *batches, const struct plane *plane, uint32_t *word, int discover);

/* What is to be sent on a strand. */
struct packet {
	uint32_t strand, seq;
	uint64_t stamp; /* network byte order */
	uint16_t size; /* of the UDP payload */
};

/* Note a probe; it leaves with the others. */
void batches_add(struct batches *batches, const struct packet *packet);

/* Send what was added. */
void batches_send(struct batches *batches);

#endif
