// SPDX-License-Identifier: Apache-2.0
/*
 * metronome - what an application notices of a link's trouble: a stream of small
 * messages in both directions, and the longest time in which none came.
 *
 *   metronome udp|tcp listen PORT
 *   metronome udp|tcp talk ADDRESS PORT TOS PERIOD_US
 *
 * Both ends send by their own clock, whatever the other one does: numbered
 * datagrams, or 256 bytes of one TCP connection. The listener hears one talker, and
 * takes TOS and period from its datagrams. "ready" is said when the first
 * message was heard, by the listener when it listens. Each line on stdin is answered
 * by one of JSON (figures.c): counts are since the start, the gap and the delays since
 * the last one; what is silent just then counts as a gap, too. `delay_ns` is one way,
 * of datagrams that came; `error` says what broke a TCP connection. It ends with its
 * stdin.
 */
#define _GNU_SOURCE
#include "figures.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MICROSECOND 1000ull
#define MILLISECOND 1000000ull
#define SECOND 1000000000ull
/* Of TCP, in one message. */
#define PORTION 256
/* Who could not run for longer than this begins its beat anew. */
#define LONGEST_LAG (100 * MILLISECOND)

struct message {
	uint64_t number, sent_ns;
	uint32_t tos, period_us;
	uint8_t rest[40];
};

static struct {
	bool tcp;
	int door; /* where TCP is listened; -1: none */
	int fd; /* -1: none, or none any more */
	bool connected; /* somebody is there to be sent to */
	bool announced;
	int tos;
	uint64_t number, next_ns, period_ns;
	const char *error;
} end = { .door = -1, .fd = -1, .period_ns = MILLISECOND, .error = "" };

static struct figures figures;

static void fail(const char *what)
{
	fprintf(stderr, "metronome: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * SECOND + now.tv_nsec;
}

static void say_ready(void)
{
	if (end.announced)
		return;
	end.announced = printf("ready\n") > 0;
	fflush(stdout);
}

/* As packets of this socket are marked; one of the two is not its family's. */
static void set_mark(int tos)
{
	end.tos = tos;
	setsockopt(end.fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	setsockopt(end.fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
}

/* Somebody is there: begin to send. */
static void begin(void)
{
	int yes = 1;

	setsockopt(end.fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	end.connected = true;
	end.next_ns = clock_now();
}

static int open_socket(int family)
{
	int fd = socket(family, (end.tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	int yes = 1, room = 4 << 20;

	if (fd < 0)
		fail("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (!end.tcp)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	return fd;
}

static void listen_at(int port)
{
	struct sockaddr_in6 here = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = open_socket(AF_INET6), no = 0;

	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
	if (bind(fd, (void *)&here, sizeof(here)) < 0 || (end.tcp && listen(fd, 1) < 0))
		fail("bind");
	*(end.tcp ? &end.door : &end.fd) = fd;
	say_ready();
}

static void talk_to(const char *address, int port, int tos, uint64_t period_ns)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };
	bool v4 = inet_pton(AF_INET, address, &four.sin_addr) == 1;

	if (!v4 && inet_pton(AF_INET6, address, &six.sin6_addr) != 1) {
		fprintf(stderr, "metronome: %s: want an address\n", address);
		exit(64);
	}
	end.fd = open_socket(v4 ? AF_INET : AF_INET6);
	end.period_ns = period_ns;
	set_mark(tos);
	if (connect(end.fd, v4 ? (void *)&four : (void *)&six, v4 ? sizeof(four) : sizeof(six)) < 0)
		fail(address);
	begin();
}

/* Nothing more will come of a TCP connection. */
static void broken(const char *why)
{
	end.error = why;
	end.connected = false;
	close(end.fd);
	end.fd = -1;
}

static void beat(uint64_t now)
{
	static const uint8_t portion[PORTION];
	struct message message = { .number = end.number,
				   .sent_ns = now,
				   .tos = end.tos,
				   .period_us = end.period_ns / MICROSECOND };
	ssize_t done;

	if (now - end.next_ns > LONGEST_LAG)
		end.next_ns = now;
	end.next_ns += end.period_ns;
	done = send(end.fd, end.tcp ? (void *)portion : &message,
		    end.tcp ? sizeof(portion) : sizeof(message), MSG_NOSIGNAL | MSG_DONTWAIT);
	if (end.tcp && done < 0 && errno != EAGAIN) {
		broken(strerrorname_np(errno));
		return;
	}
	/* What is not sent has its number all the same: an application would miss it. */
	end.number++;
	figures.sent += end.tcp ? (done > 0 ? (uint64_t)done : 0) : 1;
}

static void hear_datagrams(void)
{
	struct sockaddr_storage who;
	socklen_t length = sizeof(who);
	struct message message;
	ssize_t got;

	while ((got = recvfrom(end.fd, &message, sizeof(message), MSG_DONTWAIT, (void *)&who,
			       &length)) >= 0) {
		if (got < (ssize_t)sizeof(message) || message.period_us == 0)
			continue;
		figures_message(&figures, message.number, message.sent_ns, clock_now());
		say_ready();
		if (end.connected)
			continue;
		if (connect(end.fd, (void *)&who, length) < 0)
			fail("connect");
		set_mark(message.tos);
		end.period_ns = message.period_us * MICROSECOND;
		begin();
	}
}

static void hear_stream(void)
{
	static uint8_t buffer[1 << 16];
	ssize_t got;

	while (end.fd >= 0 && (got = recv(end.fd, buffer, sizeof(buffer), MSG_DONTWAIT)) != 0) {
		if (got < 0) {
			if (errno != EAGAIN && errno != EINTR)
				broken(strerrorname_np(errno));
			return;
		}
		figures_bytes(&figures, got, clock_now());
		say_ready();
	}
	if (end.fd >= 0)
		broken("EOF");
}

/* The one connection. */
static void let_in(void)
{
	int fd = accept4(end.door, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (end.fd >= 0) {
		close(fd);
		return;
	}
	end.fd = fd;
	begin();
}

/* Returns false at the end of stdin. */
static bool obey(void)
{
	char orders[256];
	ssize_t got = read(0, orders, sizeof(orders));

	for (ssize_t at = 0; at < got; at++) {
		if (orders[at] == '\n')
			figures_tell(&figures, end.error, clock_now());
	}
	return got > 0;
}

static void run(void)
{
	for (;;) {
		struct pollfd polls[3] = {
			{ .fd = 0, .events = POLLIN },
			{ .fd = end.fd, .events = POLLIN },
			{ .fd = end.door, .events = POLLIN },
		};
		uint64_t now = clock_now(), wait = SECOND;
		struct timespec timeout;

		if (end.connected)
			wait = end.next_ns > now ? end.next_ns - now : 0;
		timeout = (struct timespec){ .tv_sec = wait / SECOND, .tv_nsec = wait % SECOND };
		if (ppoll(polls, 3, &timeout, NULL) < 0 && errno != EINTR)
			fail("ppoll");
		if (polls[1].revents != 0)
			end.tcp ? hear_stream() : hear_datagrams();
		if (polls[2].revents != 0)
			let_in();
		if (polls[0].revents != 0 && !obey())
			return;
		now = clock_now();
		while (end.connected && end.next_ns <= now)
			beat(now);
	}
}

int main(int argc, char **argv)
{
	struct sched_param soon = { .sched_priority = 10 };

	end.tcp = argc > 1 && strcmp(argv[1], "tcp") == 0;
	if (!end.tcp && (argc < 2 || strcmp(argv[1], "udp") != 0))
		goto usage;
	/* On time, and its own waiting is not what is measured. */
	prctl(PR_SET_TIMERSLACK, 1);
	sched_setscheduler(0, SCHED_FIFO, &soon);
	mlockall(MCL_CURRENT);
	if (argc == 4 && strcmp(argv[2], "listen") == 0)
		listen_at(atoi(argv[3]));
	else if (argc == 7 && strcmp(argv[2], "talk") == 0 && atoi(argv[6]) > 0)
		talk_to(argv[3], atoi(argv[4]), atoi(argv[5]), atoi(argv[6]) * MICROSECOND);
	else
		goto usage;
	run();
	return 0;
usage:
	fprintf(stderr, "usage: metronome udp|tcp listen PORT\n"
			"       metronome udp|tcp talk ADDRESS PORT TOS PERIOD_US\n");
	return 64;
}
