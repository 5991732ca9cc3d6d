// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "plane.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert(sizeof(struct ww_strand) == 64, "the kernel rounds sizes of elements up to 8");
_Static_assert(sizeof(struct ww_probe) % 8 == 0, "the same");
_Static_assert(sizeof(struct ww_quality) % 8 == 0, "the same");
_Static_assert(sizeof(struct ww_sent) % 8 == 0, "the same");
_Static_assert(sizeof(struct ww_large) % 8 == 0, "the same");

static void pin_path(char path[PATH_MAX], const char *directory, const char *name)
{
	if (snprintf(path, PATH_MAX, "%s/maps/%s", directory, name) >= PATH_MAX) {
		fprintf(stderr, "prober: %s: want a shorter path\n", directory);
		exit(EXIT_USAGE);
	}
}

static long bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/* A map of `size` bytes an entry, as memory. */
static void *map_open(const char *directory, const char *name, size_t size, uint32_t *entries)
{
	struct bpf_map_info info = { 0 };
	union bpf_attr attr = { 0 };
	char path[PATH_MAX];
	void *memory;
	int fd;

	pin_path(path, directory, name);
	attr.pathname = (uintptr_t)path;
	fd = bpf(BPF_OBJ_GET, &attr);
	if (fd < 0)
		goto failed;
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uintptr_t)&info;
	if (bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) < 0)
		goto failed;
	if (info.type != BPF_MAP_TYPE_ARRAY || info.value_size != size) {
		fprintf(stderr, "prober: %s: has %u bytes an entry, want an array of %zu\n", path,
			info.value_size, size);
		exit(1);
	}
	memory = mmap(NULL, info.max_entries * ((size + 7) & ~(size_t)7), PROT_READ | PROT_WRITE,
		      MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		goto failed;
	close(fd);
	*entries = info.max_entries;
	return memory;
failed:
	fprintf(stderr, "prober: %s: %s\n", path, strerror(errno));
	exit(1);
}

static void lock(struct plane *plane)
{
	plane->lock = open(plane->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (plane->lock < 0) {
		fprintf(stderr, "prober: %s: %s\n", plane->directory, strerror(errno));
		exit(1);
	}
	if (flock(plane->lock, LOCK_EX | LOCK_NB) == 0)
		return;
	fprintf(stderr, "prober: %s: %s\n", plane->directory,
		errno == EWOULDBLOCK ? "another prober has it" : strerror(errno));
	exit(errno == EWOULDBLOCK ? EXIT_OTHER_PROBER : 1);
}

static bool find(const struct plane *plane, struct stat *found)
{
	char path[PATH_MAX];

	pin_path(path, plane->directory, "control");
	return stat(path, found) == 0;
}

void plane_open(struct plane *plane, const char *directory)
{
	uint32_t one, strands, probes, qualities, sent, large;
	struct stat found = { 0 };

	memset(plane, 0, sizeof(*plane));
	plane->directory = directory;
	lock(plane);
	plane->control = map_open(directory, "control", sizeof(*plane->control), &one);
	if (plane->control->layout != WW_LAYOUT) {
		fprintf(stderr, "prober: %s: has maps of layout %u, want %d\n", directory,
			plane->control->layout, WW_LAYOUT);
		exit(1);
	}
	plane->strands = map_open(directory, "strands", sizeof(*plane->strands), &strands);
	plane->probes = map_open(directory, "probes", sizeof(*plane->probes), &probes);
	plane->quality = map_open(directory, "quality", sizeof(*plane->quality), &qualities);
	plane->sent = map_open(directory, "sent", sizeof(*plane->sent), &sent);
	plane->large = map_open(directory, "large", sizeof(*plane->large), &large);
	if (probes < strands || qualities < strands || sent / WW_SENT < strands ||
	    large < strands) {
		fprintf(stderr,
			"prober: %s: has %u strands, but probes of %u, quality of %u, sent of %u, "
			"large of %u\n",
			directory, strands, probes, qualities, sent / WW_SENT, large);
		exit(1);
	}
	plane->strand_count = strands;
	find(plane, &found);
	plane->device = found.st_dev;
	plane->inode = found.st_ino;
}

bool plane_is_pinned(const struct plane *plane)
{
	struct stat found;

	return find(plane, &found) && found.st_dev == plane->device && found.st_ino == plane->inode;
}
