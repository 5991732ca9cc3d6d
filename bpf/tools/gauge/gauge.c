// SPDX-License-Identifier: Apache-2.0
/*
 * gauge - how much a link carries, for `wanwire lab check`.
 *
 *   gauge receive udp|tcp DEVICE PORT MS
 *   gauge send udp|tcp DEVICE ADDRESS PORT SIZE RATE_BITS MS
 *
 * The receiver says "ready", waits at most MS for what comes over DEVICE, and
 * prints {"packets": N, "bytes": N, "ns": N}: packets is 0 for tcp, bytes are
 * payload, ns is the time from the first to the last arrival, and what came
 * first is not counted. The sender sends UDP packets of SIZE bytes at RATE_BITS
 * a second of payload, or TCP as fast as it goes, for MS.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MILLISECOND 1000000ull
#define SECOND 1000000000ull

static uint8_t buffer[1 << 17];

static void fail(const char *what)
{
	fprintf(stderr, "gauge: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * SECOND + now.tv_nsec;
}

static void sleep_until(uint64_t when)
{
	struct timespec time = { .tv_sec = when / SECOND, .tv_nsec = when % SECOND };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

/* A socket that sees DEVICE only: routes and rules are not what is measured. */
static int open_socket(int family, bool tcp, const char *device)
{
	int fd = socket(family, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	int room = 8 << 20;

	if (fd < 0)
		fail("socket");
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, strlen(device)) < 0)
		fail(device);
	if (!tcp)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	return fd;
}

/* Wait until something can be read; false when it is too late. */
static bool await(int fd, uint64_t end)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	uint64_t now = clock_now();

	return now < end && poll(&poll_fd, 1, (end - now) / MILLISECOND + 1) > 0;
}

static int receive(bool tcp, const char *device, int port, uint64_t ms)
{
	struct sockaddr_in6 here = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	uint64_t packets = 0, bytes = 0, first = 0, last = 0, end;
	int fd = open_socket(AF_INET6, tcp, device), none = 0;
	ssize_t got;

	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &none, sizeof(none));
	if (bind(fd, (void *)&here, sizeof(here)) < 0 || (tcp && listen(fd, 1) < 0))
		fail("bind");
	printf("ready\n");
	fflush(stdout);
	end = clock_now() + ms * MILLISECOND;
	if (tcp) {
		if (await(fd, end))
			fd = accept(fd, NULL, NULL);
		else
			end = 0;
	}
	while (await(fd, end) && (got = recv(fd, buffer, sizeof(buffer), 0)) > 0) {
		last = clock_now();
		if (first == 0) {
			first = last;
			continue;
		}
		packets += !tcp;
		bytes += got;
	}
	printf("{\"packets\":%llu,\"bytes\":%llu,\"ns\":%llu}\n", (unsigned long long)packets,
	       (unsigned long long)bytes, (unsigned long long)(last - first));
	return 0;
}

static int connected(bool tcp, const char *device, const char *address, int port)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };
	bool v4 = inet_pton(AF_INET, address, &four.sin_addr) == 1;
	int fd = open_socket(v4 ? AF_INET : AF_INET6, tcp, device);

	if (!v4 && inet_pton(AF_INET6, address, &six.sin6_addr) != 1) {
		fprintf(stderr, "gauge: %s: want an address\n", address);
		exit(64);
	}
	six.sin6_scope_id = if_nametoindex(device);
	if (connect(fd, v4 ? (void *)&four : (void *)&six, v4 ? sizeof(four) : sizeof(six)) < 0)
		fail(address);
	return fd;
}

static int send_udp(int fd, uint32_t size, uint64_t rate, uint64_t ms)
{
	uint64_t begin = clock_now(), now = begin, sent = 0;

	while (now < begin + ms * MILLISECOND) {
		uint64_t due = begin + (unsigned __int128)sent * 8 * SECOND / rate;

		if (due > now)
			sleep_until(due);
		/* A queue that is full is what is looked for. */
		if (send(fd, buffer, size, 0) < 0 && errno != ENOBUFS && errno != ECONNREFUSED)
			fail("send");
		sent += size;
		now = clock_now();
	}
	return 0;
}

static int send_tcp(int fd, uint64_t ms)
{
	struct timeval patience = { .tv_usec = 100000 };
	uint64_t end = clock_now() + ms * MILLISECOND;

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	while (clock_now() < end) {
		if (send(fd, buffer, sizeof(buffer), MSG_NOSIGNAL) < 0 && errno != EAGAIN)
			fail("send");
	}
	return 0;
}

int main(int argc, char **argv)
{
	bool tcp = argc > 2 && strcmp(argv[2], "tcp") == 0;

	if (argc == 6 && strcmp(argv[1], "receive") == 0)
		return receive(tcp, argv[3], atoi(argv[4]), strtoull(argv[5], NULL, 10));
	if (argc == 9 && strcmp(argv[1], "send") == 0) {
		uint32_t size = strtoul(argv[6], NULL, 10);
		uint64_t rate = strtoull(argv[7], NULL, 10), ms = strtoull(argv[8], NULL, 10);
		int fd = connected(tcp, argv[3], argv[4], atoi(argv[5]));

		if (tcp)
			return send_tcp(fd, ms);
		if (size > 0 && size <= sizeof(buffer) && rate > 0)
			return send_udp(fd, size, rate, ms);
	}
	fprintf(stderr, "usage: gauge receive udp|tcp DEVICE PORT MS\n"
			"       gauge send udp|tcp DEVICE ADDRESS PORT SIZE RATE_BITS MS\n");
	return 64;
}
