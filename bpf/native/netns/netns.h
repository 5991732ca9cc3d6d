/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the netns addon: enter.c and transact.c know nothing of
 * JavaScript and run on libuv's pool; listen.c and ../netns.c are its doors.
 */
#ifndef NETNS_H
#define NETNS_H

#define NAPI_VERSION 8
#include <node_api.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* A namespace and a socket that lives in it; only JS's thread touches the rest. */
struct netns {
	int ns, sock;
	unsigned int busy; /* transactions under way */
	bool closed;
	napi_env env;
};

/* One open or transaction. */
struct job {
	struct netns *netns;
	napi_async_work work;
	napi_deferred deferred;
	napi_ref keep; /* the handle, while its transaction is under way */
	int err;
	const char *call; /* the system call that gave err */
	char *path, *settings; /* "name=value", NUL after each, an empty one ends */
	uint64_t dev, ino;
	int32_t buffer;
	uint8_t *in, *out;
	size_t in_len, out_len;
};

static inline bool failed(struct job *job, const char *call, int err)
{
	job->call = call;
	job->err = err;
	return false;
}

/* open job->path and a socket in it, into job->netns */
void open_work(napi_env env, void *job);
/* send job->in, collect job->out */
void transact_work(napi_env env, void *job);

/* whether it is a handle of that kind; napi itself throws for what is no object */
bool is_tagged(napi_env env, napi_value value, const napi_type_tag *tag);
/* an Error with errno and syscall */
napi_value error_of(napi_env env, int err, const char *call);
/* listen(groups, onMessages(error, messages)) -> handle; unlisten(handle) */
napi_value listen_to(napi_env env, napi_callback_info info);
napi_value unlisten(napi_env env, napi_callback_info info);

#endif
