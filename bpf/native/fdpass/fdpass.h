/* SPDX-License-Identifier: Apache-2.0 */
/* fdpass.h - one unix stream socket, and what its three files share. */
#ifndef FDPASS_H
#define FDPASS_H

#define NAPI_VERSION 8
#include <node_api.h>
#include <uv.h>

#include <stdbool.h>
#include <stdint.h>

#define FDS_MAX 64 /* of one message, as grpcfd has it */
#define PARTS_MAX 64 /* buffers of one write */

/* What a read or a write has to tell beside its bytes; an Int32Array in JavaScript. */
struct slots {
	int32_t count; /* descriptors that came, or that went */
	int32_t lost; /* some came that there was no room for */
	int32_t fds[FDS_MAX];
};

struct stream {
	uv_poll_t poll;
	napi_env env;
	napi_ref on_event;
	napi_ref keep_slots;
	napi_async_cleanup_hook_handle hook;
	struct slots *slots;
	int fd;
	bool closed;
	int holders; /* the loop, the collector */
};

napi_value fail(napi_env env, int error, const char *syscall);
/* The open stream behind a handle, or NULL with an exception. */
struct stream *stream_of(napi_env env, napi_value value);

napi_value js_read(napi_env env, napi_callback_info info);
napi_value js_write(napi_env env, napi_callback_info info);
napi_value js_end(napi_env env, napi_callback_info info);
napi_value js_peer(napi_env env, napi_callback_info info);
napi_value js_duplicate(napi_env env, napi_callback_info info);

#endif
