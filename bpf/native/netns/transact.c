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
#include <sys/socket.h>

#define CHUNK 65536 /* a part of a dump is 32 KiB at most */

static bool room(struct job *job)
{
	size_t max = job->out_max * 2 + CHUNK;
	uint8_t *out;

	if (job->out_max - job->out_len >= CHUNK)
		return true;
	out = realloc(job->out, max);
	if (!out)
		return failed(job, "realloc", ENOMEM);
	job->out = out;
	job->out_max = max;
	return true;
}

/* Collect until the message numbered last is acknowledged, or its dump is done. */
static void answers(struct job *job, uint32_t last)
{
	struct nlmsghdr *msg;
	bool done = false;
	ssize_t n;
	int rest;

	while (!done && room(job)) {
		n = recv(job->netns->sock, job->out + job->out_len, CHUNK,
			 MSG_DONTWAIT | MSG_TRUNC);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || n > CHUNK) {
			failed(job, "recv", n < 0 ? errno : EMSGSIZE);
			return;
		}
		msg = (struct nlmsghdr *)(job->out + job->out_len);
		for (rest = n; NLMSG_OK(msg, rest); msg = NLMSG_NEXT(msg, rest))
			done |= msg->nlmsg_seq == last &&
				(msg->nlmsg_type == NLMSG_ERROR || msg->nlmsg_type == NLMSG_DONE);
		job->out_len += NLMSG_ALIGN(n);
	}
}

/* Of a NEW message the same bits mean replace and exclusive; GET is 2 modulo 4. */
static bool is_dump(const struct nlmsghdr *msg)
{
	return (msg->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP && msg->nlmsg_type % 4 == 2;
}

/* All messages at once, but a dump alone: a socket runs one dump at a time. */
static size_t send_some(struct job *job, size_t from)
{
	struct nlmsghdr *msg;
	size_t to = from;
	uint32_t last = 0;

	while (to < job->in_len) {
		msg = (struct nlmsghdr *)(job->in + to);
		if (job->in_len - to < sizeof(*msg) || msg->nlmsg_len < sizeof(*msg) ||
		    NLMSG_ALIGN(msg->nlmsg_len) > job->in_len - to) {
			failed(job, "transact", EINVAL);
			return to;
		}
		if (is_dump(msg) && to > from)
			break;
		last = msg->nlmsg_seq;
		to += NLMSG_ALIGN(msg->nlmsg_len);
		if (is_dump(msg))
			break;
	}
	if (send(job->netns->sock, job->in + from, to - from, 0) < 0)
		failed(job, "send", errno);
	else
		answers(job, last);
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
