/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay's orders: lines over a unix socket, each answered with one line.
 *
 *   set LANE DELAY_US JITTER_US LOSS_PPM RATE_BITS   "ok"
 *   stats                                            one JSON object
 *   end                                              "ok"; sends what waits, then ends
 *
 * Anything else is answered with "error: ..." and changes nothing.
 */
#ifndef RELAY_CONTROL_H
#define RELAY_CONTROL_H

#include "lane.h"

#define CONTROL_PEERS 4
#define LONGEST_ORDER 128

struct peer {
	int fd; /* -1: free */
	size_t len;
	char order[LONGEST_ORDER];
};

struct control {
	int fd;
	const char *path;
	struct peer peers[CONTROL_PEERS];
	bool ending;
};

/* Returns false, with errno, where it cannot listen at `path`. */
bool control_init(struct control *control, const char *path);

/* Somebody wants to talk: taken, or hung up on where too many talk already. */
void control_accept(struct control *control);

/* Somebody said something, or went away. */
void control_hear(struct control *control, struct peer *peer, struct lane lanes[2]);

#endif
