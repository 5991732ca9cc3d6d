// SPDX-License-Identifier: Apache-2.0
/*
 * fdpass - unix stream sockets whose bytes carry file descriptors (SCM_RIGHTS).
 *
 * open(fd, slots, onEvent) -> handle	works on a duplicate; onEvent(events)
 * wait(handle, events)			1 readable, 2 writable, 0 none
 * read(handle, buffer, at) -> n	bytes; 0 at the end; -errno. slots: what came
 * write(handle, buffers, skip, fds) -> n	bytes; -errno. slots: how many went
 * end(handle)				no more will be written
 * ref(handle), unref(handle)		whether it keeps the process alive
 * close(handle)			idempotent
 * duplicate(fd) -> fd
 * peer(fd) -> {pid, uid, gid, pidfd}	who connected; pidfd -1: not known here
 *
 * slots is an Int32Array of 66: count, lost, and room for 64 descriptors. An
 * event of 4 is an error of the socket: libuv has stopped, the next read or
 * write says which. Nothing here waits. Each handle has a close, a finaliser
 * and a cleanup hook, and its memory goes when both the loop and the collector
 * have let go of it. Errors carry errno and syscall.
 */
#include "fdpass/fdpass.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

napi_value fail(napi_env env, int error, const char *syscall)
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

static void let_go(struct stream *stream)
{
	if (--stream->holders == 0)
		free(stream);
}

static void on_closed(uv_handle_t *handle)
{
	struct stream *stream = handle->data;

	if (stream->hook)
		napi_remove_async_cleanup_hook(stream->hook);
	let_go(stream);
}

static void close_stream(struct stream *stream)
{
	if (stream->closed)
		return;
	stream->closed = true;
	uv_poll_stop(&stream->poll);
	close(stream->fd);
	if (stream->on_event)
		napi_delete_reference(stream->env, stream->on_event);
	if (stream->keep_slots)
		napi_delete_reference(stream->env, stream->keep_slots);
	stream->on_event = stream->keep_slots = NULL;
	uv_close((uv_handle_t *)&stream->poll, on_closed);
}

static void on_cleanup(napi_async_cleanup_hook_handle hook, void *data)
{
	(void)hook; /* removed by on_closed, which the loop still runs */
	close_stream(data);
}

static void on_collected(napi_env env, void *data, void *hint)
{
	(void)env;
	(void)hint;
	close_stream(data);
	let_go(data);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
	struct stream *stream = poll->data;
	napi_value self, callback, argument, error;
	napi_env env = stream->env;
	napi_handle_scope scope;

	napi_open_handle_scope(env, &scope);
	napi_get_global(env, &self);
	napi_get_reference_value(env, stream->on_event, &callback);
	napi_create_int32(env, status < 0 ? 4 : events & 3, &argument);
	if (napi_make_callback(env, NULL, self, callback, 1, &argument, NULL) ==
	    napi_pending_exception) {
		napi_get_and_clear_last_exception(env, &error);
		napi_fatal_exception(env, error);
	}
	napi_close_handle_scope(env, scope);
}

static napi_value js_open(napi_env env, napi_callback_info info)
{
	napi_typedarray_type type;
	struct stream *stream;
	napi_value argv[3], handle;
	uv_loop_t *loop;
	size_t argc = 3, length;
	void *slots;
	int fd, error;

	napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
	if (napi_get_value_int32(env, argv[0], &fd) ||
	    napi_get_typedarray_info(env, argv[1], &type, &length, &slots, NULL, NULL) ||
	    type != napi_int32_array || length != sizeof(struct slots) / sizeof(int32_t))
		return fail(env, EINVAL, "open");
	stream = calloc(1, sizeof(*stream));
	if (!stream)
		return fail(env, ENOMEM, "open");
	stream->env = env;
	stream->holders = 1;
	stream->slots = slots;
	stream->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (stream->fd < 0) {
		error = errno;
		free(stream);
		return fail(env, error, "dup");
	}
	napi_get_uv_event_loop(env, &loop);
	error = uv_poll_init(loop, &stream->poll, stream->fd);
	if (error) {
		close(stream->fd);
		free(stream);
		return fail(env, -error, "epoll");
	}
	stream->poll.data = stream;
	if (napi_create_reference(env, argv[2], 1, &stream->on_event) ||
	    napi_create_reference(env, argv[1], 1, &stream->keep_slots) ||
	    napi_add_async_cleanup_hook(env, on_cleanup, stream, &stream->hook) ||
	    napi_create_external(env, stream, on_collected, NULL, &handle)) {
		close_stream(stream);
		return fail(env, EINVAL, "open");
	}
	stream->holders++;
	return handle;
}

static struct stream *any_stream_of(napi_env env, napi_value value)
{
	void *data = NULL;

	return napi_get_value_external(env, value, &data) ? NULL : data;
}

struct stream *stream_of(napi_env env, napi_value value)
{
	struct stream *stream = any_stream_of(env, value);

	if (!stream || stream->closed) {
		fail(env, EBADF, "stream");
		return NULL;
	}
	return stream;
}

static napi_value js_wait(napi_env env, napi_callback_info info)
{
	struct stream *stream;
	napi_value argv[2];
	size_t argc = 2;
	int events, error;

	napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
	stream = stream_of(env, argv[0]);
	if (!stream)
		return NULL;
	if (napi_get_value_int32(env, argv[1], &events))
		return fail(env, EINVAL, "wait");
	error = events ? uv_poll_start(&stream->poll, events & 3, on_event)
		       : uv_poll_stop(&stream->poll);
	return error ? fail(env, -error, "epoll") : NULL;
}

static napi_value js_keep(napi_env env, napi_callback_info info)
{
	struct stream *stream;
	napi_value argv[1];
	size_t argc = 1;
	void *change;

	napi_get_cb_info(env, info, &argc, argv, NULL, &change);
	stream = any_stream_of(env, argv[0]);
	if (stream && !stream->closed)
		((void (*)(uv_handle_t *))change)((uv_handle_t *)&stream->poll);
	return NULL;
}

static napi_value js_close(napi_env env, napi_callback_info info)
{
	struct stream *stream;
	napi_value handle;
	size_t argc = 1;

	napi_get_cb_info(env, info, &argc, &handle, NULL, NULL);
	stream = any_stream_of(env, handle);
	if (stream)
		close_stream(stream);
	return NULL;
}

NAPI_MODULE_INIT()
{
	const napi_property_descriptor functions[] = {
		{ .utf8name = "open", .method = js_open },
		{ .utf8name = "wait", .method = js_wait },
		{ .utf8name = "read", .method = js_read },
		{ .utf8name = "write", .method = js_write },
		{ .utf8name = "end", .method = js_end },
		{ .utf8name = "ref", .method = js_keep, .data = uv_ref },
		{ .utf8name = "unref", .method = js_keep, .data = uv_unref },
		{ .utf8name = "close", .method = js_close },
		{ .utf8name = "duplicate", .method = js_duplicate },
		{ .utf8name = "peer", .method = js_peer },
	};

	napi_define_properties(env, exports, sizeof(functions) / sizeof(functions[0]), functions);
	return exports;
}
