/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pinned maps that the prober reads and writes, as memory: what they hold
 * is said in include/wire.h. One prober at a time has them.
 */
#ifndef PROBER_PLANE_H
#define PROBER_PLANE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <wire.h>

/* Single words that others read or write meanwhile. */
#define LOAD(word) __atomic_load_n(&(word), __ATOMIC_ACQUIRE)
#define STORE(word, value) __atomic_store_n(&(word), (value), __ATOMIC_RELEASE)

/* Exit codes that say more than that it failed; bpf/prober/prober.ts knows them. */
enum {
	EXIT_USAGE = 64,
	EXIT_OTHER_PROBER = 75, /* one runs already */
};

struct plane {
	const char *directory;
	int lock;
	dev_t device;
	ino_t inode; /* of the pin that says whether the plane is still there */
	uint32_t strand_count; /* 0 is none */
	struct ww_control *control;
	struct ww_strand *strands;
	struct ww_probe *probes;
	struct ww_quality *quality;
	struct ww_sent *sent;
	struct ww_large *large;
};

/* Take the plane of a directory; ends the process, in words, where it cannot. */
void plane_open(struct plane *plane, const char *directory);

/* Whether the plane that was opened is still pinned there. */
bool plane_is_pinned(const struct plane *plane);

/* The place of a probe of a strand. */
static inline struct ww_sent *plane_sent(const struct plane *plane, uint32_t strand, uint32_t seq)
{
	return &plane->sent[strand * WW_SENT + seq % WW_SENT];
}

#endif
