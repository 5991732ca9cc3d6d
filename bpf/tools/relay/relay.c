// SPDX-License-Identifier: Apache-2.0
/*
 * relay - delay, jitter, loss and rate between two TAP devices, for the lab on
 * kernels without netem.
 *
 *   relay SOCKET PIDFILE NAME:IFINDEX NAME:IFINDEX
 *
 * Makes the two TAPs, with these interface indices, in its network namespace;
 * they are gone when it ends. What the kernel sends into the first leaves at
 * the second (lane 0), and the other way (lane 1). It says "ready" on stdout,
 * and obeys orders at SOCKET (control.h). PIDFILE has its pid and start time.
 *
 * It ends by itself when told to, at SIGTERM, and within a second of SOCKET
 * being removed, so that no crash of others makes it stay for ever. What may
 * wait in it is bounded (lane.h).
 */
#define _GNU_SOURCE
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000ull
/* Frames read from one TAP before the other, and what is due, get their turn. */
#define BURST 64
#define LONGEST_FRAME 65550

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

static void fail(const char *what)
{
	fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * SECOND + now.tv_nsec;
}

/* The pid, and when it started: together they name one process for ever. */
static void write_pid(const char *path)
{
	unsigned long long started = 0;
	char stat[1024] = "", *field;
	FILE *file = fopen("/proc/self/stat", "re");

	if (file == NULL || fgets(stat, sizeof(stat), file) == NULL)
		fail("/proc/self/stat");
	fclose(file);
	/* After the name in brackets, the state is field 3, the start time field 22. */
	field = strrchr(stat, ')');
	for (int i = 2; field != NULL && i < 22; i++)
		field = strchr(field + 1, ' ');
	if (field != NULL)
		started = strtoull(field, NULL, 10);
	file = fopen(path, "wxe");
	if (file == NULL || fprintf(file, "%d %llu\n", getpid(), started) < 0 || fclose(file) != 0)
		fail(path);
}

static int tap_open(const char *text)
{
	const char *colon = strchr(text, ':');
	unsigned int index = colon == NULL ? 0 : strtoul(colon + 1, NULL, 10);
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd;

	if (index == 0 || colon - text >= IFNAMSIZ) {
		fprintf(stderr, "relay: %s: want NAME:IFINDEX\n", text);
		exit(64);
	}
	memcpy(request.ifr_name, text, colon - text);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		fail("/dev/net/tun");
	if (ioctl(fd, TUNSETIFINDEX, &index) < 0 || ioctl(fd, TUNSETIFF, &request) < 0)
		fail(text);
	return fd;
}

/* Read what came; returns false when the TAP is gone. */
static bool drain(int tap, struct lane *lane)
{
	static uint8_t frame[LONGEST_FRAME];

	for (int i = 0; i < BURST; i++) {
		ssize_t len = read(tap, frame, sizeof(frame));

		if (len < 0)
			return errno == EAGAIN || errno == EINTR;
		lane_take(lane, frame, len, clock_now());
	}
	return true;
}

/* Whether the socket is still the one we made. */
static bool wanted(const struct control *control)
{
	static ino_t ours;
	struct stat found;

	if (stat(control->path, &found) < 0)
		return false;
	if (ours == 0)
		ours = found.st_ino;
	return found.st_ino == ours;
}

/* Wait until a frame is due, something comes, or it is time to look around. */
static void await_more(struct pollfd *polls, nfds_t count, const struct lane lanes[2],
		       uint64_t look)
{
	uint64_t next = lane_next(&lanes[0]), other = lane_next(&lanes[1]), now = clock_now();
	struct timespec wait = { 0 };

	if (other < next)
		next = other;
	if (look < next)
		next = look;
	if (next > now) {
		wait.tv_sec = (next - now) / SECOND;
		wait.tv_nsec = (next - now) % SECOND;
	}
	if (ppoll(polls, count, &wait, NULL) < 0 && errno != EINTR)
		fail("ppoll");
}

static void run(const int taps[2], struct lane lanes[2], struct control *control)
{
	struct pollfd polls[3 + CONTROL_PEERS];
	uint64_t look = 0;

	for (;;) {
		if (clock_now() >= look) {
			if (!wanted(control))
				return;
			look = clock_now() + SECOND;
		}
		for (int i = 0; i < 2; i++)
			polls[i] = (struct pollfd){ .fd = taps[i], .events = POLLIN };
		polls[2] = (struct pollfd){ .fd = control->fd, .events = POLLIN };
		for (int i = 0; i < CONTROL_PEERS; i++)
			polls[3 + i] =
				(struct pollfd){ .fd = control->peers[i].fd, .events = POLLIN };
		await_more(polls, 3 + CONTROL_PEERS, lanes, look);
		for (int i = 0; i < 2; i++) {
			lane_send(&lanes[i], clock_now());
			if (!drain(taps[i], &lanes[i]))
				return;
		}
		for (int i = 0; i < CONTROL_PEERS; i++) {
			if (polls[3 + i].fd >= 0 && polls[3 + i].revents != 0)
				control_hear(control, &control->peers[i], lanes);
		}
		if (polls[2].revents != 0)
			control_accept(control);
		if (stopped || (control->ending && lanes[0].count + lanes[1].count == 0))
			return;
	}
}

int main(int argc, char **argv)
{
	struct sigaction stop = { .sa_handler = on_signal };
	struct sched_param soon = { .sched_priority = 1 };
	struct control control;
	struct lane lanes[2];
	int taps[2];

	if (argc != 5) {
		fprintf(stderr, "usage: relay SOCKET PIDFILE NAME:IFINDEX NAME:IFINDEX\n");
		return 64;
	}
	sigaction(SIGTERM, &stop, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	/* First of all: who cleans up must find us, whatever comes next. */
	write_pid(argv[2]);
	/* On time to the microsecond, before others: a real cable is not slower where processors are busy. */
	prctl(PR_SET_TIMERSLACK, 1);
	if (sched_setscheduler(0, SCHED_FIFO, &soon) < 0)
		setpriority(PRIO_PROCESS, 0, -20);
	for (int i = 0; i < 2; i++)
		taps[i] = tap_open(argv[3 + i]);
	if (!lane_init(&lanes[0], taps[1]) || !lane_init(&lanes[1], taps[0]))
		fail("memory");
	if (!control_init(&control, argv[1]))
		fail(argv[1]);
	printf("ready\n");
	fflush(stdout);
	if (freopen("/dev/null", "w", stdout) == NULL)
		fail("/dev/null");
	run(taps, lanes, &control);
	unlink(argv[1]);
	unlink(argv[2]);
	return 0;
}
