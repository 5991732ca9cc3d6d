// SPDX-License-Identifier: Apache-2.0
/*
 * witness - which requests passed a device, by what stands in their packets.
 *
 *   witness DEVICE [RING_KIB [TOKENS]]
 *
 * Looks at every packet that leaves or enters by DEVICE of its network
 * namespace, whatever is in it, for tokens in clear text,
 * `ww-request=USER.NUMBER;`: USER has 1 to 32 of [A-Za-z0-9_-], NUMBER 1 to 15
 * digits. One that is cut between two TCP segments, or two fragments of a
 * packet, is found too, also within VXLAN. What is sent past the kernel's taps
 * (AF_XDP, PACKET_QDISC_BYPASS) is seen only where it arrives. Says "ready",
 * then for each token and direction, when it is seen first:
 *
 *   {"user":"boss","number":12,"direction":"out","at":MS_SINCE_THE_EPOCH}
 *
 * Ends at SIGTERM, SIGINT, or the end of its standard input, with a summary:
 *
 *   {"tokens":N,"packets":N,"drops":N,"truncated":N,"overflow":N,"forgotten":N}
 *
 * drops are packets that the kernel had no room for (RING_KIB, 32 MiB),
 * truncated ones were longer than a quarter of that (at most 1 MiB), overflow
 * counts what was seen of tokens beyond as many as it remembers (TOKENS, half a
 * million), forgotten are streams that were given up in favour of others.
 * Where any of these is not 0, something may have passed unseen: it says so on
 * standard error and exits with 1.
 */
#define _GNU_SOURCE
#include "ring.h"
#include "streams.h"
#include "tokens.h"

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_RING_KIB (32u << 10)
#define DEFAULT_TOKENS (1u << 19)
/* What was seen before the end was asked for is in a block that is handed over by then. */
#define LAST_MS (5 * RING_MS)
/* Where others have the processor, it is waited for that much longer. */
#define PATIENCE_MS 10000

struct witness {
	struct ring ring;
	struct tokens tokens;
	struct streams streams;
	uint64_t truncated;
	/* Counted by the kernel, and not handed over in time. */
	uint64_t kept;
};

static void fail(const char *what)
{
	fprintf(stderr, "witness: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ull + now.tv_nsec / 1000000;
}

static void take(void *context, const struct seen *seen)
{
	struct witness *witness = context;
	struct moment when = { .ns = seen->ns, .direction = seen->out ? OUT : IN };
	struct piece piece = { .key.direction = when.direction };
	bool is_piece;

	witness->truncated += seen->truncated;
	/* The packet as it is, whatever it is; then what it may go on with. */
	tokens_in(&witness->tokens, seen->bytes, seen->length, when);
	is_piece = witness->ring.ethernet ? piece_of_frame(seen->bytes, seen->length, &piece)
					  : piece_of_packet(seen->bytes, seen->length, &piece);
	if (is_piece)
		streams_take(&witness->streams, &piece, &witness->tokens, when);
}

/* A device that is down comes back, one that is gone does not. */
static void look_after(const struct ring *ring, const char *device)
{
	int error = 0;
	socklen_t size = sizeof(error);

	getsockopt(ring->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	errno = error;
	if (error != 0 && error != ENETDOWN)
		fail(device);
	if ((int)if_nametoindex(device) != ring->ifindex) {
		errno = ENODEV;
		fail(device);
	}
}

/* Whether the other side of our standard input is there. */
static bool is_asked_for(short events)
{
	char ignored[256];
	ssize_t got;

	if (events == 0)
		return true;
	got = read(STDIN_FILENO, ignored, sizeof(ignored));
	return got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN));
}

/* A descriptor that can be read once we are told to end. */
static int open_signals(void)
{
	sigset_t ending;
	int fd;

	sigemptyset(&ending);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGINT);
	sigprocmask(SIG_BLOCK, &ending, NULL);
	fd = signalfd(-1, &ending, SFD_CLOEXEC);
	if (fd < 0)
		fail("signalfd");
	return fd;
}

/* All that passed until now; time may have gone by without us. */
static void take_rest(struct witness *witness, uint64_t end)
{
	struct ring_counts counts = ring_count(&witness->ring);
	uint64_t all = counts.packets - counts.drops;

	ring_drain(&witness->ring, take, witness);
	while (witness->ring.given < all && now_ms() < end) {
		poll(NULL, 0, RING_MS);
		ring_drain(&witness->ring, take, witness);
	}
	if (witness->ring.given < all)
		witness->kept = all - witness->ring.given;
}

static void watch(struct witness *witness, const char *device, int signals)
{
	struct pollfd polls[] = { { .fd = witness->ring.fd, .events = POLLIN },
				  { .fd = STDIN_FILENO, .events = POLLIN },
				  { .fd = signals, .events = POLLIN } };
	uint64_t end = 0;

	while (end == 0 || now_ms() < end) {
		if (poll(polls, 3, end == 0 ? -1 : RING_MS) < 0) {
			if (errno != EINTR)
				fail("poll");
			continue;
		}
		if (polls[0].revents & (POLLERR | POLLHUP))
			look_after(&witness->ring, device);
		ring_drain(&witness->ring, take, witness);
		fflush(stdout);
		if (end == 0 && (polls[2].revents != 0 || !is_asked_for(polls[1].revents))) {
			end = now_ms() + LAST_MS;
			polls[1].fd = polls[2].fd = -1;
		}
	}
	take_rest(witness, end + PATIENCE_MS);
	/* One that goes is first down, and says nothing any more when it is gone. */
	look_after(&witness->ring, device);
}

static int sum_up(struct witness *witness)
{
	struct ring_counts counts = ring_count(&witness->ring);
	uint64_t unseen = counts.drops + witness->truncated + witness->kept;
	uint64_t untold = witness->tokens.overflow, forgotten = witness->streams.forgotten;

	printf("{\"tokens\":%llu,\"packets\":%llu,\"drops\":%llu,\"truncated\":%llu,"
	       "\"overflow\":%llu,\"forgotten\":%llu}\n",
	       (unsigned long long)witness->tokens.count, (unsigned long long)counts.packets,
	       (unsigned long long)counts.drops, (unsigned long long)witness->truncated,
	       (unsigned long long)untold, (unsigned long long)forgotten);
	fflush(stdout);
	if (unseen + untold + forgotten == 0)
		return 0;
	fprintf(stderr,
		"witness: %llu packets were not looked at, %llu tokens not told, %llu streams "
		"given up: what passed unseen nobody knows\n",
		(unsigned long long)unseen, (unsigned long long)untold,
		(unsigned long long)forgotten);
	return 1;
}

/* The words of the command line are few and ours: what is no number is 0, and refused. */
static uint64_t number(int argc, char **argv, int at, uint64_t otherwise)
{
	return argc > at ? strtoull(argv[at], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
	static struct witness witness;
	uint64_t kib = number(argc, argv, 2, DEFAULT_RING_KIB);
	uint64_t most = number(argc, argv, 3, DEFAULT_TOKENS);
	int signals;

	if (argc < 2 || argc > 4 || kib == 0 || kib > 1 << 20 || most == 0 || most > 1 << 26) {
		fprintf(stderr, "usage: witness DEVICE [RING_KIB [TOKENS]]\n");
		return 64;
	}
	signals = open_signals();
	/* What waits here may be lost. */
	setpriority(PRIO_PROCESS, 0, -10);
	if (!tokens_init(&witness.tokens, most) || !streams_init(&witness.streams))
		fail("memory");
	if (!ring_open(&witness.ring, argv[1], kib << 10))
		fail(argv[1]);
	printf("ready\n");
	fflush(stdout);
	watch(&witness, argv[1], signals);
	return sum_up(&witness);
}
