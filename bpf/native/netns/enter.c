// SPDX-License-Identifier: Apache-2.0
/*
 * A socket in another namespace, made by a thread that enters it and dies.
 *
 * setns(2) moves one thread, and on Node's own thread or one of libuv's it
 * would show up elsewhere. A socket belongs for life to the namespace it was
 * made in, and /proc/sys/net shows the namespace of the thread that opens it,
 * so this is all that has to be done inside.
 */
#define _GNU_SOURCE
#include "netns.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SETTING_MAX 256

static bool same_words(const char *a, const char *b)
{
	for (;;) {
		while (isspace((unsigned char)*a))
			a++;
		while (isspace((unsigned char)*b))
			b++;
		while (*a && *a == *b && !isspace((unsigned char)*a))
			a++, b++;
		if ((*a && !isspace((unsigned char)*a)) || (*b && !isspace((unsigned char)*b)))
			return false;
		if (!*a || !*b)
			return !*a && !*b;
	}
}

/* In a container that is not privileged the first cannot be written: the host's is then at the second. */
static const char *const roots[] = { "/proc/sys", "/host/proc/sys" };

static int open_setting(struct job *job, const char *setting, int length)
{
	char name[SETTING_MAX];
	int fd = -1;

	for (size_t at = 0; at < sizeof(roots) / sizeof(*roots); at++) {
		int err = errno;

		if (snprintf(name, sizeof(name), "%s/%.*s", roots[at], length, setting) >=
		    SETTING_MAX) {
			failed(job, "setting", ENAMETOOLONG);
			return -1;
		}
		fd = open(name, O_RDWR | O_CLOEXEC);
		if (fd >= 0)
			return fd;
		if (at > 0 && errno == ENOENT)
			errno = err;
		if (errno != EROFS)
			break;
	}
	failed(job, "open setting", errno);
	return -1;
}

/* A value that is there already is not written. */
static bool set(struct job *job, const char *setting)
{
	char now[SETTING_MAX];
	const char *value = strchr(setting, '=');
	int fd, length;
	ssize_t n;

	if (!value)
		return failed(job, "setting", EINVAL);
	length = value++ - setting;
	fd = open_setting(job, setting, length);
	if (fd < 0)
		return false;
	n = read(fd, now, sizeof(now) - 1);
	now[n > 0 ? n : 0] = '\0';
	if (!same_words(now, value) && pwrite(fd, value, strlen(value), 0) < 0)
		failed(job, "write setting", errno);
	close(fd);
	return !job->err;
}

static bool open_socket(struct job *job)
{
	int one = 1, sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (sock < 0)
		return failed(job, "socket", errno);
	/* Text for errors, short acks, filtered dumps; an old kernel may refuse. */
	setsockopt(sock, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	setsockopt(sock, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	setsockopt(sock, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
	if (setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &job->buffer, sizeof(job->buffer)) < 0)
		setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &job->buffer, sizeof(job->buffer));
	job->netns->sock = sock;
	return true;
}

static void *enter(void *data)
{
	struct job *job = data;
	const char *setting = job->settings;

	if (job->netns->ns >= 0 && setns(job->netns->ns, CLONE_NEWNET) < 0) {
		failed(job, "setns", errno);
		return NULL;
	}
	if (!open_socket(job))
		return NULL;
	while (*setting && set(job, setting))
		setting += strlen(setting) + 1;
	return NULL;
}

void open_work(napi_env env, void *data)
{
	struct job *job = data;
	struct stat st;
	pthread_t thread;
	int err;

	(void)env;
	if (*job->path) {
		job->netns->ns = open(job->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (job->netns->ns < 0 || fstat(job->netns->ns, &st) < 0) {
			failed(job, "open", errno);
			return;
		}
		/* of the opened file: between a look at a pid and now it may be another's */
		if (job->ino && (st.st_dev != job->dev || st.st_ino != job->ino)) {
			failed(job, "fstat", ESTALE);
			return;
		}
	}
	err = pthread_create(&thread, NULL, enter, job);
	if (err)
		failed(job, "pthread_create", err);
	else
		pthread_join(thread, NULL);
}
