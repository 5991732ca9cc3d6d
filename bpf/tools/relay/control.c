// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "control.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Longer delays would need more room than a lane has. */
#define LONGEST_US 10000000ull
#define FASTEST_BITS 1000000000000ull

bool control_init(struct control *control, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memset(control, 0, sizeof(*control));
	for (int i = 0; i < CONTROL_PEERS; i++)
		control->peers[i].fd = -1;
	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return false;
	}
	strcpy(address.sun_path, path);
	control->path = path;
	control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return control->fd >= 0 && bind(control->fd, (void *)&address, sizeof(address)) == 0 &&
	       listen(control->fd, CONTROL_PEERS) == 0;
}

void control_accept(struct control *control)
{
	int fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	for (int i = 0; i < CONTROL_PEERS; i++) {
		struct peer *peer = &control->peers[i];

		if (peer->fd >= 0)
			continue;
		peer->fd = fd;
		peer->len = 0;
		return;
	}
	close(fd);
}

static void hang_up(struct peer *peer)
{
	close(peer->fd);
	peer->fd = -1;
}

static const char *set(const char *order, struct lane lanes[2])
{
	uint64_t delay, jitter, rate;
	unsigned int lane, loss;
	char rest;

	if (sscanf(order, "set %u %" SCNu64 " %" SCNu64 " %u %" SCNu64 " %c", &lane, &delay,
		   &jitter, &loss, &rate, &rest) != 5)
		return "error: want set LANE DELAY_US JITTER_US LOSS_PPM RATE_BITS";
	if (lane > 1 || delay > LONGEST_US || jitter > LONGEST_US || loss > 1000000 ||
	    rate > FASTEST_BITS)
		return "error: a value is out of range";
	lanes[lane].shape = (struct shape){
		.delay_ns = delay * 1000,
		.jitter_ns = jitter * 1000,
		.loss_ppm = loss,
		.rate_bits = rate,
	};
	/* A line that was slow owes nothing to one that is fast. */
	lanes[lane].line_free = 0;
	return "ok";
}

static void tell(char *text, size_t size, const struct lane lanes[2])
{
	size_t at = 0;

	at += snprintf(text, size, "{\"lanes\":[");
	for (int i = 0; i < 2; i++) {
		const struct lane *lane = &lanes[i];

		at += snprintf(text + at, size - at,
			       "%s{\"passed\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"dropped\":%" PRIu64
			       ",\"waiting\":%u"
			       ",\"dwell_ns\":%" PRIu64 "}",
			       i == 0 ? "" : ",", lane->passed, lane->lost, lane->dropped,
			       lane->count, lane->dwell_ns);
	}
	snprintf(text + at, size - at, "]}");
}

static void obey(struct control *control, const char *order, struct lane lanes[2], int fd)
{
	const char *answer = "error: want set, stats or end";
	char text[512];

	if (strncmp(order, "set ", 4) == 0) {
		answer = set(order, lanes);
	} else if (strcmp(order, "stats") == 0) {
		tell(text, sizeof(text), lanes);
		answer = text;
	} else if (strcmp(order, "end") == 0) {
		control->ending = true;
		answer = "ok";
	}
	dprintf(fd, "%s\n", answer);
}

void control_hear(struct control *control, struct peer *peer, struct lane lanes[2])
{
	ssize_t got =
		recv(peer->fd, peer->order + peer->len, sizeof(peer->order) - peer->len - 1, 0);
	char *line, *end;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		hang_up(peer);
		return;
	}
	peer->len += got;
	peer->order[peer->len] = '\0';
	for (line = peer->order; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		obey(control, line, lanes, peer->fd);
	}
	peer->len -= line - peer->order;
	memmove(peer->order, line, peer->len);
	if (peer->len == sizeof(peer->order) - 1)
		hang_up(peer);
}
