// SPDX-License-Identifier: Apache-2.0
/*
 * Messages in, answers out.
 *
 * The kernel answers route netlink while it is being written to, so reading
 * never waits: nothing left to read means that an answer was lost.
 */
#include "netns.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

#define CHUNK 65536 /* a part of a dump is 32 KiB at most */

/* Many transactions may wait for JS at once: no more than was answered is kept. */
static bool keep(struct job *job, const uint8_t *bytes, size_t length)
{
	uint8_t *out = realloc(job->out, job->out_len + NLMSG_ALIGN(length));

	if (!out)
		return failed(job, "realloc", ENOMEM);
	memcpy(out + job->out_len, bytes, length);
	memset(out + job->out_len + length, 0, NLMSG_ALIGN(length) - length);
	job->out = out;
	job->out_len += NLMSG_ALIGN(length);
	return true;
}

/* Collect until the message numbered last is acknowledged, or its dump is done; what it got. */
static int answers(struct job *job, uint32_t last)
{
	_Alignas(struct nlmsghdr) uint8_t part[CHUNK];
	struct nlmsghdr *msg;
	bool done = false;
	int refused = 0;
	ssize_t n;
	int rest;

	while (!done) {
		n = recv(job->netns->sock, part, sizeof(part), MSG_DONTWAIT | MSG_TRUNC);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || n > CHUNK) {
			failed(job, "recv", n < 0 ? errno : EMSGSIZE);
			break;
		}
		if (!keep(job, part, n))
			break;
		msg = (struct nlmsghdr *)part;
		for (rest = n; NLMSG_OK(msg, rest); msg = NLMSG_NEXT(msg, rest)) {
			if (msg->nlmsg_seq != last)
				continue;
			if (msg->nlmsg_type == NLMSG_ERROR)
				refused = ((struct nlmsgerr *)NLMSG_DATA(msg))->error;
			done |= msg->nlmsg_type == NLMSG_ERROR || msg->nlmsg_type == NLMSG_DONE;
		}
	}
	return refused;
}

/* Of a NEW message the same bits mean replace and exclusive; GET is 2 modulo 4. */
static bool is_dump(const struct nlmsghdr *msg)
{
	return (msg->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP && msg->nlmsg_type % 4 == 2;
}

/* What follows a creation is meant for the new thing, not for one that was there. */
static bool is_creation(const struct nlmsghdr *msg)
{
	int bits = NLM_F_CREATE | NLM_F_EXCL;

	return (msg->nlmsg_flags & bits) == bits && msg->nlmsg_type % 4 == 0;
}

static bool is_whole(const struct job *job, size_t at)
{
	const struct nlmsghdr *msg = (const struct nlmsghdr *)(job->in + at);

	return job->in_len - at >= sizeof(*msg) && msg->nlmsg_len >= sizeof(*msg) &&
	       NLMSG_ALIGN(msg->nlmsg_len) <= job->in_len - at;
}

/*
 * As many messages at once as go together: a socket runs one dump at a time,
 * and after an exclusive creation that was refused nothing more is sent.
 */
static size_t send_some(struct job *job, size_t from)
{
	const struct nlmsghdr *msg = NULL;
	bool alone = false;
	size_t to = from;

	while (to < job->in_len && !alone) {
		if (!is_whole(job, to)) {
			failed(job, "transact", EINVAL);
			return to;
		}
		alone = is_dump((void *)(job->in + to)) || is_creation((void *)(job->in + to));
		if (alone && to > from)
			break;
		msg = (const struct nlmsghdr *)(job->in + to);
		to += NLMSG_ALIGN(msg->nlmsg_len);
	}
	if (send(job->netns->sock, job->in + from, to - from, 0) < 0)
		failed(job, "send", errno);
	else if (answers(job, msg->nlmsg_seq) && is_creation(msg))
		to = job->in_len;
	return to;
}

void transact_work(napi_env env, void *data)
{
	struct job *job = data;
	size_t at = 0;
	char byte;

	(void)env;
	while (at < job->in_len && !job->err)
		at = send_some(job, at);
	/* What is left of a failed transaction must not answer the next one. */
	while (job->err && (recv(job->netns->sock, &byte, 1, MSG_DONTWAIT) >= 0 ||
			    errno == ENOBUFS || errno == EINTR))
		;
}
