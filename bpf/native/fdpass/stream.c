// SPDX-License-Identifier: Apache-2.0
/*
 * stream.c - bytes and descriptors in and out of one socket, as grpcfd has them.
 *
 * A descriptor travels with one byte of its own message; the byte is the next
 * one of the stream and means nothing. Every read has room for 64 descriptors.
 */
#define _GNU_SOURCE
#include "fdpass.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int) * FDS_MAX)];
};

static napi_value number(napi_env env, int64_t value)
{
	napi_value result;

	napi_create_int64(env, value, &result);
	return result;
}

static void take_fds(struct slots *slots, struct msghdr *message)
{
	struct cmsghdr *part;

	slots->count = 0;
	slots->lost = (message->msg_flags & MSG_CTRUNC) != 0;
	for (part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
		size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(slots->fds + slots->count, CMSG_DATA(part), count * sizeof(int));
		slots->count += count;
	}
}

napi_value js_read(napi_env env, napi_callback_info info)
{
	union control control;
	struct iovec into;
	struct msghdr message = { .msg_iov = &into, .msg_iovlen = 1 };
	struct stream *stream;
	napi_value argv[3];
	size_t argc = 3, length;
	uint32_t at;
	void *bytes;
	ssize_t got;

	napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
	stream = stream_of(env, argv[0]);
	if (!stream)
		return NULL;
	if (napi_get_buffer_info(env, argv[1], &bytes, &length) ||
	    napi_get_value_uint32(env, argv[2], &at) || at >= length)
		return fail(env, EINVAL, "read");
	into.iov_base = (char *)bytes + at;
	into.iov_len = length - at;
	message.msg_control = control.room;
	message.msg_controllen = sizeof(control.room);
	do {
		got = recvmsg(stream->fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	} while (got < 0 && errno == EINTR);
	if (got < 0) {
		stream->slots->count = stream->slots->lost = 0;
		return number(env, -errno);
	}
	take_fds(stream->slots, &message);
	return number(env, got);
}

static ssize_t send_with(int sock, struct iovec *byte, const int *fd)
{
	union control control = { .header = { .cmsg_level = SOL_SOCKET,
					      .cmsg_type = SCM_RIGHTS,
					      .cmsg_len = CMSG_LEN(sizeof(int)) } };
	struct msghdr message = { .msg_iov = byte, .msg_iovlen = 1 };
	ssize_t sent;

	memcpy(CMSG_DATA(&control.header), fd, sizeof(int));
	message.msg_control = control.room;
	message.msg_controllen = CMSG_SPACE(sizeof(int));
	do {
		sent = sendmsg(sock, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (sent < 0 && errno == EINTR);
	return sent;
}

static ssize_t send_rest(int sock, struct iovec *parts, size_t count)
{
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = count };
	ssize_t sent;

	do {
		sent = sendmsg(sock, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (sent < 0 && errno == EINTR);
	return sent;
}

static bool skip_bytes(struct iovec **parts, size_t *count, size_t bytes)
{
	while (*count && bytes >= (*parts)->iov_len) {
		bytes -= (*parts)->iov_len;
		(*parts)++;
		(*count)--;
	}
	if (!*count)
		return false;
	(*parts)->iov_base = (char *)(*parts)->iov_base + bytes;
	(*parts)->iov_len -= bytes;
	return true;
}

/* Bytes that went, or -errno where none did; slots->count descriptors went. */
static ssize_t send_all(struct stream *stream, struct iovec *parts, size_t count, const int *fds,
			size_t fd_count)
{
	ssize_t total = 0, sent;

	stream->slots->count = 0;
	for (size_t at = 0; at < fd_count && count; at++) {
		struct iovec byte = { .iov_base = parts->iov_base, .iov_len = 1 };

		if (send_with(stream->fd, &byte, fds + at) < 0)
			return total ? total : -errno;
		stream->slots->count++;
		total++;
		skip_bytes(&parts, &count, 1);
	}
	if (!count)
		return total;
	sent = send_rest(stream->fd, parts, count);
	if (sent < 0)
		return total ? total : -errno;
	return total + sent;
}

napi_value js_write(napi_env env, napi_callback_info info)
{
	struct iovec room[PARTS_MAX], *parts = room;
	int fds[FDS_MAX];
	struct stream *stream;
	napi_value argv[4], one;
	uint32_t count, fd_count, skip;
	size_t argc = 4, left;

	napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
	stream = stream_of(env, argv[0]);
	if (!stream)
		return NULL;
	if (napi_get_array_length(env, argv[1], &count) || !count ||
	    napi_get_value_uint32(env, argv[2], &skip) ||
	    napi_get_array_length(env, argv[3], &fd_count))
		return fail(env, EINVAL, "write");
	count = count < PARTS_MAX ? count : PARTS_MAX;
	fd_count = fd_count < FDS_MAX ? fd_count : FDS_MAX;
	for (uint32_t at = 0; at < count; at++)
		if (napi_get_element(env, argv[1], at, &one) ||
		    napi_get_buffer_info(env, one, &room[at].iov_base, &room[at].iov_len))
			return fail(env, EINVAL, "write");
	for (uint32_t at = 0; at < fd_count; at++)
		if (napi_get_element(env, argv[3], at, &one) ||
		    napi_get_value_int32(env, one, &fds[at]))
			return fail(env, EINVAL, "write");
	left = count;
	if (!skip_bytes(&parts, &left, skip))
		return number(env, 0);
	return number(env, send_all(stream, parts, left, fds, fd_count));
}

napi_value js_end(napi_env env, napi_callback_info info)
{
	struct stream *stream;
	napi_value handle;
	size_t argc = 1;

	napi_get_cb_info(env, info, &argc, &handle, NULL, NULL);
	stream = stream_of(env, handle);
	/* The peer may have gone first. */
	if (stream && shutdown(stream->fd, SHUT_WR) && errno != ENOTCONN)
		return fail(env, errno, "shutdown");
	return NULL;
}
