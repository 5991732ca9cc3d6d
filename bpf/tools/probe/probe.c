// SPDX-License-Identifier: Apache-2.0
/*
 * Asks a process of ours how it is, for the probes of Kubernetes: connects to a
 * unix socket, reads one line, and ends with 0 if it begins with `ok`. Otherwise
 * it prints the line, or why there is none, and ends with 1. With --alive any line
 * will do: the process runs, ready or not. A start of Node each second would cost
 * more than what is probed.
 * Usage: probe [--alive] /PATH/OF/SOCKET [MILLISECONDS], 2000 where not given.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define LINE_MOST 1024
#define DEFAULT_MS 2000

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int say(const char *text, size_t size)
{
	/* What does not get through is told by the exit code, too. */
	if (write(STDOUT_FILENO, text, size) < 0 || write(STDOUT_FILENO, "\n", 1) < 0)
		return 1;
	return 1;
}

static int complain(const char *what, const char *why)
{
	char text[LINE_MOST];
	size_t used = 0;

	for (const char *parts[] = { what, ": ", why, NULL }, **part = parts; *part; part++) {
		size_t size = strlen(*part);

		if (size > sizeof(text) - used)
			size = sizeof(text) - used;
		memcpy(text + used, *part, size);
		used += size;
	}
	return say(text, used);
}

/* The number of bytes of its first line, without the end of it; negative with errno. */
static ssize_t line_of(int fd, char *line, size_t most, int64_t late)
{
	size_t used = 0;

	while (used < most) {
		int64_t left = late - now_ms();
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		int found = poll(&ready, 1, left > 0 ? left : 0);
		char *end;
		ssize_t got;

		if (found == 0)
			errno = ETIMEDOUT;
		if (found <= 0 && errno != EINTR)
			return -1;
		if (found <= 0)
			continue;
		got = read(fd, line + used, most - used);
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		end = memchr(line + used, '\n', got);
		if (end)
			return end - line;
		used += got;
	}
	return used;
}

int main(int count, char **words)
{
	bool alive = count > 1 && strcmp(words[1], "--alive") == 0;
	const char *path = words[alive ? 2 : 1];
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int64_t late = now_ms();
	char line[LINE_MOST];
	ssize_t size;
	int fd;

	count -= alive;
	if (count < 2 || count > 3)
		return complain("usage", "probe [--alive] /PATH/OF/SOCKET [MILLISECONDS]");
	if (strlen(path) >= sizeof(to.sun_path))
		return complain(path, "too long for a socket's path");
	strcpy(to.sun_path, path);
	late += count == 3 ? atoi(words[alive ? 3 : 2]) : DEFAULT_MS;
	/* A unix socket whose queue is full lets nobody wait. */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return complain(path, strerror(errno));
	size = line_of(fd, line, sizeof(line), late);
	if (size < 0)
		return complain(path, strerror(errno));
	if (size == 0)
		return complain(path, "it closed without a word");
	if (alive || (size >= 2 && memcmp(line, "ok", 2) == 0))
		return 0;
	return say(line, size);
}
