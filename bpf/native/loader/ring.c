// SPDX-License-Identifier: Apache-2.0
/*
 * A pinned ring buffer, read on JS's own loop when the kernel says that there
 * is something in it: so many records at a time, then it rests until it is told
 * to go on. What is not read stays there, also for another process. A handle
 * does not keep the process alive.
 */
#include "loader.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

struct ring {
	uv_poll_t poll;
	napi_env env;
	napi_ref tell;
	napi_async_context context;
	napi_async_cleanup_hook_handle hook;
	struct ring_buffer *buffer; /* NULL once it is closed */
	int map;
	uint8_t *records;
	uint32_t size, most, count; /* of one record; of records at a time; read now */
	int holders; /* the loop, the collector */
};

static const napi_type_tag tag = { 0x6b02d97e15ac4f38, 0x8c41f5a0e37d926b };

static void let_go(struct ring *ring)
{
	if (--ring->holders)
		return;
	free(ring->records);
	free(ring);
}

static void on_closed(uv_handle_t *poll)
{
	struct ring *ring = poll->data;

	napi_remove_async_cleanup_hook(ring->hook);
	let_go(ring);
}

static void stop(struct ring *ring)
{
	if (!ring->buffer)
		return;
	uv_poll_stop(&ring->poll);
	ring_buffer__free(ring->buffer);
	close(ring->map);
	ring->buffer = NULL;
	napi_delete_reference(ring->env, ring->tell);
	napi_async_destroy(ring->env, ring->context);
	uv_close((uv_handle_t *)&ring->poll, on_closed);
}

static void on_cleanup(napi_async_cleanup_hook_handle hook, void *data)
{
	(void)hook;
	stop(data);
}

static void on_collected(napi_env env, void *data, void *hint)
{
	struct ring *ring = data;

	(void)env, (void)hint;
	if (ring->buffer)
		count_leak();
	stop(ring);
	let_go(ring);
}

/* A negative number ends the reading, behind this record. */
static int on_record(void *data, void *record, size_t size)
{
	struct ring *ring = data;

	if (size != ring->size)
		return 0;
	memcpy(ring->records + (size_t)ring->count * size, record, size);
	return ++ring->count < ring->most ? 0 : -ECANCELED;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct ring *ring = poll->data;
	napi_value callback, global, args[2], thrown;
	napi_env env = ring->env;
	napi_handle_scope scope;

	(void)status, (void)events;
	ring->count = 0;
	ring_buffer__consume(ring->buffer);
	uv_poll_stop(poll);
	napi_open_handle_scope(env, &scope);
	napi_create_buffer_copy(env, (size_t)ring->count * ring->size, ring->records, NULL,
				&args[0]);
	napi_get_boolean(env, ring->count == ring->most, &args[1]);
	napi_get_reference_value(env, ring->tell, &callback);
	napi_get_global(env, &global);
	if (napi_make_callback(env, ring->context, global, callback, 2, args, NULL) ==
		    napi_pending_exception &&
	    napi_get_and_clear_last_exception(env, &thrown) == napi_ok)
		napi_fatal_exception(env, thrown);
	napi_close_handle_scope(env, scope);
}

/* An errno. */
static int start(napi_env env, struct ring *ring, const char *path)
{
	uv_loop_t *loop;
	int err;

	ring->map = open_pin(path, MAP);
	if (ring->map < 0)
		return -ring->map;
	ring->records = malloc((size_t)ring->size * ring->most);
	ring->buffer = ring_buffer__new(ring->map, on_record, ring, NULL);
	err = ring->buffer ? 0 : errno;
	if (!err && (!ring->records || napi_get_uv_event_loop(env, &loop) != napi_ok))
		err = ENOMEM;
	if (!err)
		err = -uv_poll_init(loop, &ring->poll, ring_buffer__epoll_fd(ring->buffer));
	if (err) {
		ring_buffer__free(ring->buffer);
		close(ring->map);
	}
	return err;
}

napi_value open_ring(napi_env env, napi_callback_info info)
{
	napi_value argv[4], handle, name;
	uint32_t numbers[2]; /* size and most */
	struct ring *ring;
	char *path;
	int err;

	if (!arguments(env, info, 4, argv) || !numbers_of(env, &argv[1], 2, numbers) ||
	    !(path = text_of(env, argv[0])))
		return NULL;
	ring = calloc(1, sizeof(*ring));
	err = ring && numbers[0] && numbers[1] ? 0 : EINVAL;
	if (!err) {
		ring->size = numbers[0];
		ring->most = numbers[1];
		err = start(env, ring, path);
	}
	free(path);
	if (err) {
		if (ring)
			free(ring->records);
		free(ring);
		return throw_error(env, err, "ring_buffer");
	}
	ring->env = env;
	ring->holders = 2;
	ring->poll.data = ring;
	napi_create_string_utf8(env, "loader", NAPI_AUTO_LENGTH, &name);
	napi_async_init(env, NULL, name, &ring->context);
	napi_create_reference(env, argv[3], 1, &ring->tell);
	napi_add_async_cleanup_hook(env, on_cleanup, ring, &ring->hook);
	napi_create_object(env, &handle);
	napi_type_tag_object(env, handle, &tag);
	napi_wrap(env, handle, ring, on_collected, NULL, NULL);
	uv_unref((uv_handle_t *)&ring->poll);
	return handle;
}

/* The ring that the first argument is, or NULL with an exception. */
static struct ring *ring_of(napi_env env, napi_callback_info info)
{
	struct ring *ring = NULL;
	napi_valuetype type;
	napi_value value;
	bool ours = false;

	if (!arguments(env, info, 1, &value))
		return NULL;
	if (napi_typeof(env, value, &type) != napi_ok || type != napi_object ||
	    napi_check_object_type_tag(env, value, &tag, &ours) != napi_ok || !ours ||
	    napi_unwrap(env, value, (void **)&ring) != napi_ok)
		throw_error(env, EINVAL, "unwrap");
	return ring;
}

napi_value read_ring(napi_env env, napi_callback_info info)
{
	struct ring *ring = ring_of(env, info);

	if (ring && ring->buffer)
		uv_poll_start(&ring->poll, UV_READABLE, on_readable);
	else if (ring)
		throw_error(env, EBADF, "ring_buffer");
	return NULL;
}

napi_value rest_ring(napi_env env, napi_callback_info info)
{
	struct ring *ring = ring_of(env, info);

	if (ring && ring->buffer)
		uv_poll_stop(&ring->poll);
	return NULL;
}

napi_value close_ring(napi_env env, napi_callback_info info)
{
	struct ring *ring = ring_of(env, info);

	if (ring)
		stop(ring);
	return NULL;
}
