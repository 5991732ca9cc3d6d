// SPDX-License-Identifier: Apache-2.0
/*
 * prober - asks every strand of a data plane, again and again, whether it is
 * still there, and takes it out of use when it is not. Its process is called
 * wanwire-prober.
 *
 *   prober DIRECTORY
 *
 * DIRECTORY has the plane's pins. What it asks, how often and how long it waits
 * is in the map `probes`; what it finds is in `quality`, `sent` and the word
 * `silent` of `strands` (include/probe.h). The programs of the plane take the
 * answers: it reads none itself. It sends in the network namespace that it is
 * started in, and goes on when the forwarder ends.
 *
 * It ends at SIGTERM, and within a second of the pins being gone or others. What
 * it found last stays as it is.
 */
#define _GNU_SOURCE
#include "batch.h"
#include "clock.h"
#include "large.h"
#include "plane.h"
#include "queue.h"
#include "strand.h"

#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* How soon it follows what the forwarder asks for. */
#define FOLLOW (100 * MILLISECOND)
/*
 * Probes that go together cost half of what they cost one by one: an interval's
 * are spread over several moments only where each still has so many.
 */
#define GROUP 64
#define MOST_MOMENTS 8
/* How often it looks whether the plane is there. */
#define LOOK SECOND

/* Usual probes, and those of path MTU. */
struct lines {
	struct batches usual, large;
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

/* Sending from a port of everybody's needs no right. */
static void drop_privileges(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(SYS_capset, &header, none) < 0) {
		perror("prober: capset");
		exit(1);
	}
}

/* On time also where others keep all processors busy; it needs little of one. */
static void come_first(void)
{
	struct sched_param least = { .sched_priority = 1 };

	if (sched_setscheduler(0, SCHED_FIFO, &least) < 0)
		setpriority(PRIO_PROCESS, 0, -20);
}

static struct strand *make_strands(const struct plane *plane, struct queue *queue)
{
	struct strand *strands = calloc(plane->strand_count, sizeof(*strands));

	if (strands == NULL || !queue_init(queue, plane->strand_count)) {
		perror("prober: memory");
		exit(1);
	}
	for (uint32_t i = 0; i < plane->strand_count; i++)
		strands[i].number = i;
	return strands;
}

/* At how many moments of an interval all that are asked for are sent. */
static uint32_t moments_of(const struct plane *plane)
{
	uint32_t asked = 0;

	for (uint32_t i = 1; i < plane->strand_count; i++)
		asked += LOAD(plane->probes[i].interval_us) != 0;
	if (asked < 2 * GROUP)
		return 1;
	return asked / GROUP < MOST_MOMENTS ? asked / GROUP : MOST_MOMENTS;
}

static void follow(const struct plane *plane, struct strand *strands, struct queue *queue,
		   uint64_t now)
{
	uint32_t moments = moments_of(plane);

	/* Number 0 is no strand. */
	for (uint32_t i = 1; i < plane->strand_count; i++) {
		/* What is not used is most of it: its own memory is left alone. */
		if (LOAD(plane->probes[i].interval_us) == 0 && !queue_has(queue, i))
			continue;
		if (!strand_follow(plane, &strands[i], moments, now))
			continue;
		if (strands[i].interval_ns == 0)
			queue_remove(queue, i);
		else
			queue_put(queue, i, strands[i].due);
	}
}

/* The turns of all that is due, and all their probes. */
static void take_turns(const struct plane *plane, struct strand *strands, struct queue *queue,
		       struct lines *lines, uint64_t now)
{
	while (queue->count > 0 && strand_is_due(&strands[queue->heap[0].strand], now)) {
		uint32_t first = queue->heap[0].strand;

		for (uint32_t i = 1; i < 3 && i < queue->count; i++)
			strand_fetch(plane, &strands[queue->heap[i].strand]);
		strand_turn(plane, &strands[first], &lines->usual, now);
		large_turn(plane, &strands[first], &lines->large, now);
		queue_put(queue, first, strands[first].due);
	}
	batches_send(&lines->usual);
	batches_send(&lines->large);
}

static void run(const struct plane *plane, struct strand *strands, struct queue *queue,
		struct lines *lines)
{
	uint64_t next_follow = 0, next_look = 0;

	while (!stopped) {
		uint64_t now = clock_now(), next;

		if (now >= next_look) {
			if (!plane_is_pinned(plane))
				return;
			next_look = now + LOOK;
		}
		if (now >= next_follow) {
			follow(plane, strands, queue, now);
			next_follow = now + FOLLOW;
		}
		take_turns(plane, strands, queue, lines, now);
		next = queue->count > 0 ? queue->heap[0].due : NEVER;
		clock_wait(next < next_follow ? next : next_follow);
	}
}

int main(int argc, char **argv)
{
	struct sigaction stop = { .sa_handler = on_signal };
	static struct lines lines = { { .failed = strand_failed }, { .failed = large_failed } };
	struct strand *strands;
	struct plane plane;
	struct queue queue;

	if (argc != 2) {
		fprintf(stderr, "usage: prober DIRECTORY\n");
		return EXIT_USAGE;
	}
	sigaction(SIGTERM, &stop, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	prctl(PR_SET_NAME, "wanwire-prober");
	come_first();
	plane_open(&plane, argv[1]);
	batches_open(&lines.usual, &plane, &plane.control->probe_port, IP_PMTUDISC_PROBE);
	/* What packets of the tunnel are held to by the kernel, these are too. */
	batches_open(&lines.large, &plane, &plane.control->large_port, IP_PMTUDISC_DO);
	strands = make_strands(&plane, &queue);
	drop_privileges();
	STORE(plane.control->prober_version, WW_PROBER);
	STORE(plane.control->prober_pid, getpid());
	run(&plane, strands, &queue, &lines);
	STORE(plane.control->prober_pid, 0);
	return 0;
}
