// SPDX-License-Identifier: Apache-2.0
/*
 * Multicast news of the process's own namespace, on JS's own loop.
 *
 * An overrun is told (ENOBUFS) and listening goes on: whoever listens must
 * then look for itself. A handle does not keep the process alive.
 */
#include "netns.h"

#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

struct listener {
	uv_poll_t poll;
	napi_env env;
	napi_ref tell;
	napi_async_context context;
	napi_async_cleanup_hook_handle hook;
	int sock;
	int holders; /* the loop, the collector */
};

static const napi_type_tag tag = { 0x41d86be09c2f7a13, 0x9b60e2715fd3c84a };

static void let_go(struct listener *listener)
{
	if (--listener->holders == 0)
		free(listener);
}

static void on_closed(uv_handle_t *poll)
{
	struct listener *listener = poll->data;

	napi_remove_async_cleanup_hook(listener->hook);
	let_go(listener);
}

static void stop(struct listener *listener)
{
	if (listener->sock < 0)
		return;
	uv_poll_stop(&listener->poll);
	close(listener->sock);
	listener->sock = -1;
	napi_delete_reference(listener->env, listener->tell);
	napi_async_destroy(listener->env, listener->context);
	uv_close((uv_handle_t *)&listener->poll, on_closed);
}

static void on_cleanup(napi_async_cleanup_hook_handle hook, void *data)
{
	(void)hook;
	stop(data);
}

static void on_collected(napi_env env, void *data, void *hint)
{
	(void)env, (void)hint;
	stop(data);
	let_go(data);
}

static void tell(struct listener *listener, int err, const void *bytes, size_t length)
{
	napi_env env = listener->env;
	napi_value callback, global, args[2], thrown;
	napi_handle_scope scope;

	napi_open_handle_scope(env, &scope);
	napi_get_undefined(env, &args[0]);
	if (err)
		args[0] = error_of(env, err, "recv");
	napi_create_buffer_copy(env, length, bytes, NULL, &args[1]);
	napi_get_reference_value(env, listener->tell, &callback);
	napi_get_global(env, &global);
	if (napi_make_callback(env, listener->context, global, callback, 2, args, NULL) ==
		    napi_pending_exception &&
	    napi_get_and_clear_last_exception(env, &thrown) == napi_ok)
		napi_fatal_exception(env, thrown);
	napi_close_handle_scope(env, scope);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct listener *listener = poll->data;
	uint8_t bytes[16384];
	ssize_t n;

	(void)events;
	while (listener->sock >= 0) {
		n = recv(listener->sock, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		tell(listener, n < 0 ? errno : 0, bytes, n < 0 ? 0 : n);
	}
	/* libuv stops at a socket's error, such as an overrun */
	if (status < 0 && listener->sock >= 0)
		uv_poll_start(poll, UV_READABLE, on_readable);
}

static int open_listener(napi_env env, struct listener *listener, uint32_t groups)
{
	struct sockaddr_nl own = { .nl_family = AF_NETLINK, .nl_groups = groups };
	uv_loop_t *loop;

	listener->sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (listener->sock < 0 || bind(listener->sock, (void *)&own, sizeof(own)) < 0)
		return errno;
	if (napi_get_uv_event_loop(env, &loop) != napi_ok)
		return EINVAL;
	listener->poll.data = listener;
	return -uv_poll_init(loop, &listener->poll, listener->sock);
}

napi_value listen_to(napi_env env, napi_callback_info info)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	napi_value args[2], handle, name;
	size_t argc = 2;
	uint32_t groups;
	int err;

	napi_get_cb_info(env, info, &argc, args, NULL, NULL);
	err = !listener || napi_get_value_uint32(env, args[0], &groups) != napi_ok ? EINVAL : 0;
	if (!err)
		err = open_listener(env, listener, groups);
	if (err) {
		if (listener && listener->sock > 0)
			close(listener->sock);
		free(listener);
		napi_throw(env, error_of(env, err, "listen"));
		return NULL;
	}
	listener->env = env;
	listener->holders = 2;
	napi_create_string_utf8(env, "netns", NAPI_AUTO_LENGTH, &name);
	napi_async_init(env, NULL, name, &listener->context);
	napi_create_reference(env, args[1], 1, &listener->tell);
	napi_add_async_cleanup_hook(env, on_cleanup, listener, &listener->hook);
	napi_create_object(env, &handle);
	napi_type_tag_object(env, handle, &tag);
	napi_wrap(env, handle, listener, on_collected, NULL, NULL);
	uv_poll_start(&listener->poll, UV_READABLE, on_readable);
	uv_unref((uv_handle_t *)&listener->poll);
	return handle;
}

napi_value unlisten(napi_env env, napi_callback_info info)
{
	struct listener *listener;
	napi_value handle;
	size_t argc = 1;

	napi_get_cb_info(env, info, &argc, &handle, NULL, NULL);
	if (is_tagged(env, handle, &tag) && napi_unwrap(env, handle, (void **)&listener) == napi_ok)
		stop(listener);
	else
		napi_throw(env, error_of(env, EINVAL, "unlisten"));
	return NULL;
}
