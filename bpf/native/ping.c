// SPDX-License-Identifier: Apache-2.0
/*
 * ping - ICMP echo over the kernel's unprivileged ping sockets.
 *
 * open(from, to, onReply) -> handle	from may be ""; onReply(sequence)
 * send(handle, sequence)		never waits
 * close(handle)			idempotent
 *
 * The kernel chooses the echo identifier and hands each socket only the
 * replies to its own. Replies are waited for on the JS thread's own loop: no
 * thread, no pool. Each handle has a close, a finaliser and a cleanup hook,
 * and its memory goes when both the loop and the collector have let go of it.
 * Errors carry errno and syscall.
 */
#define NAPI_VERSION 8
#include <node_api.h>
#include <uv.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ADDRESS_MAX (INET6_ADDRSTRLEN + 1 + 16) /* with %scope and NUL */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct pinger {
	uv_poll_t poll;
	napi_env env;
	napi_ref on_reply;
	napi_async_cleanup_hook_handle hook;
	union address peer;
	int fd;
	bool closed;
	int holders; /* the loop, the collector */
};

static napi_value fail(napi_env env, int error, const char *syscall)
{
	napi_value message, object, value;

	napi_create_string_utf8(env, strerror(error), NAPI_AUTO_LENGTH, &message);
	napi_create_error(env, NULL, message, &object);
	napi_create_int32(env, error, &value);
	napi_set_named_property(env, object, "errno", value);
	napi_create_string_utf8(env, syscall, NAPI_AUTO_LENGTH, &value);
	napi_set_named_property(env, object, "syscall", value);
	napi_throw(env, object);
	return NULL;
}

static void let_go(struct pinger *pinger)
{
	if (--pinger->holders == 0)
		free(pinger);
}

static void on_closed(uv_handle_t *handle)
{
	struct pinger *pinger = handle->data;

	if (pinger->hook)
		napi_remove_async_cleanup_hook(pinger->hook);
	let_go(pinger);
}

static void close_pinger(struct pinger *pinger)
{
	if (pinger->closed)
		return;
	pinger->closed = true;
	uv_poll_stop(&pinger->poll);
	close(pinger->fd);
	if (pinger->on_reply)
		napi_delete_reference(pinger->env, pinger->on_reply);
	pinger->on_reply = NULL;
	uv_close((uv_handle_t *)&pinger->poll, on_closed);
}

static void on_cleanup(napi_async_cleanup_hook_handle hook, void *data)
{
	(void)hook; /* removed by on_closed, which the loop still runs */
	close_pinger(data);
}

static void on_collected(napi_env env, void *data, void *hint)
{
	(void)env;
	(void)hint;
	close_pinger(data);
	let_go(data);
}

static bool is_peer(const struct pinger *pinger, const union address *from)
{
	if (from->any.sa_family == AF_INET)
		return from->v4.sin_addr.s_addr == pinger->peer.v4.sin_addr.s_addr;
	return !memcmp(&from->v6.sin6_addr, &pinger->peer.v6.sin6_addr, sizeof(struct in6_addr));
}

static void tell(struct pinger *pinger, unsigned int sequence)
{
	napi_env env = pinger->env;
	napi_handle_scope scope;
	napi_value self, callback, argument, error;

	napi_open_handle_scope(env, &scope);
	napi_get_global(env, &self);
	napi_get_reference_value(env, pinger->on_reply, &callback);
	napi_create_uint32(env, sequence, &argument);
	if (napi_make_callback(env, NULL, self, callback, 1, &argument, NULL) ==
	    napi_pending_exception) {
		napi_get_and_clear_last_exception(env, &error);
		napi_fatal_exception(env, error);
	}
	napi_close_handle_scope(env, scope);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct pinger *pinger = poll->data;
	int wanted = pinger->peer.any.sa_family == AF_INET ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY;

	(void)events;
	/* At most so many at a time; the rest wakes us again. */
	for (int i = 0; i < 64; i++) {
		struct icmphdr echo; /* ICMPv6 echo has the same layout */
		union address from;
		socklen_t length = sizeof(from);
		ssize_t got;

		got = recvfrom(pinger->fd, &echo, sizeof(echo), 0, &from.any, &length);
		if (got < 0 && errno == EAGAIN)
			break;
		/* Less: an ICMP error of the path, which reading has cleared. */
		if (got < (ssize_t)sizeof(echo) || echo.type != wanted || !is_peer(pinger, &from))
			continue;
		tell(pinger, ntohs(echo.un.echo.sequence));
		if (pinger->closed)
			return;
	}
	/* libuv stops a handle whose descriptor had an error pending. */
	if (status < 0)
		uv_poll_start(poll, UV_READABLE, on_readable);
}

static bool resolve(const char *text, int family, union address *out, socklen_t *length)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_family = family };
	struct addrinfo *found;

	if (getaddrinfo(text, NULL, &hints, &found))
		return false;
	memcpy(out, found->ai_addr, found->ai_addrlen);
	*length = found->ai_addrlen;
	freeaddrinfo(found);
	return true;
}

/* A connected socket, or -1 with errno and the name of the call that failed. */
static int connected(const char *from, const char *to, union address *peer, const char **syscall)
{
	union address local;
	socklen_t peer_length, local_length;
	int fd, error;

	errno = EINVAL;
	*syscall = "parse address";
	if (!resolve(to, AF_UNSPEC, peer, &peer_length))
		return -1;
	if (*from && !resolve(from, peer->any.sa_family, &local, &local_length))
		return -1;
	*syscall = "socket";
	fd = socket(peer->any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		    peer->any.sa_family == AF_INET ? (int)IPPROTO_ICMP : (int)IPPROTO_ICMPV6);
	if (fd < 0)
		return -1;
	*syscall = "bind";
	if (*from && bind(fd, &local.any, local_length))
		goto undo;
	*syscall = "connect";
	if (connect(fd, &peer->any, peer_length))
		goto undo;
	return fd;
undo:
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static napi_value js_open(napi_env env, napi_callback_info info)
{
	char from[ADDRESS_MAX], to[ADDRESS_MAX];
	napi_value argv[3], handle;
	struct pinger *pinger;
	const char *syscall;
	uv_loop_t *loop;
	size_t argc = 3;
	int error;

	napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
	if (napi_get_value_string_utf8(env, argv[0], from, sizeof(from), NULL) ||
	    napi_get_value_string_utf8(env, argv[1], to, sizeof(to), NULL))
		return fail(env, EINVAL, "open");
	pinger = calloc(1, sizeof(*pinger));
	if (!pinger)
		return fail(env, ENOMEM, "open");
	pinger->env = env;
	pinger->holders = 1;
	pinger->fd = connected(from, to, &pinger->peer, &syscall);
	if (pinger->fd < 0) {
		error = errno;
		free(pinger);
		return fail(env, error, syscall);
	}
	napi_get_uv_event_loop(env, &loop);
	error = uv_poll_init(loop, &pinger->poll, pinger->fd);
	if (error) {
		close(pinger->fd);
		free(pinger);
		return fail(env, -error, "epoll");
	}
	pinger->poll.data = pinger;
	error = uv_poll_start(&pinger->poll, UV_READABLE, on_readable);
	if (error || napi_create_reference(env, argv[2], 1, &pinger->on_reply) ||
	    napi_add_async_cleanup_hook(env, on_cleanup, pinger, &pinger->hook) ||
	    napi_create_external(env, pinger, on_collected, NULL, &handle)) {
		close_pinger(pinger);
		return fail(env, error ? -error : EINVAL, "open");
	}
	pinger->holders++;
	return handle;
}

static struct pinger *pinger_of(napi_env env, napi_value value)
{
	void *data = NULL;

	return napi_get_value_external(env, value, &data) ? NULL : data;
}

static napi_value js_send(napi_env env, napi_callback_info info)
{
	struct icmphdr echo = { 0 };
	struct pinger *pinger;
	napi_value argv[2];
	uint32_t sequence;
	size_t argc = 2;

	napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
	if (napi_get_value_uint32(env, argv[1], &sequence))
		return fail(env, EINVAL, "send");
	pinger = pinger_of(env, argv[0]);
	if (!pinger || pinger->closed)
		return fail(env, EBADF, "send");
	echo.type = pinger->peer.any.sa_family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
	echo.un.echo.sequence = htons(sequence);
	/* Identifier and checksum are the kernel's to fill in. */
	if (send(pinger->fd, &echo, sizeof(echo), MSG_NOSIGNAL) < 0)
		return fail(env, errno, "send");
	return NULL;
}

static napi_value js_close(napi_env env, napi_callback_info info)
{
	struct pinger *pinger;
	napi_value handle;
	size_t argc = 1;

	napi_get_cb_info(env, info, &argc, &handle, NULL, NULL);
	pinger = pinger_of(env, handle);
	if (pinger)
		close_pinger(pinger);
	return NULL;
}

NAPI_MODULE_INIT()
{
	const napi_property_descriptor functions[] = {
		{ .utf8name = "open", .method = js_open },
		{ .utf8name = "send", .method = js_send },
		{ .utf8name = "close", .method = js_close },
	};

	napi_define_properties(env, exports, 3, functions);
	return exports;
}
