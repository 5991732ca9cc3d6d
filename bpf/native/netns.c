// SPDX-License-Identifier: Apache-2.0
/*
 * netns - route-netlink sockets that live in another network namespace.
 *
 * open(path, dev, ino, settings, receiveBuffer) -> Promise<handle>
 * descriptor(handle) -> number		of the namespace, until close
 * transact(handle, messages) -> Promise<answers>
 * close(handle)			idempotent; waits for work under way
 * leaks() -> number			handles that the collector had to close
 * listen(groups, onMessages) -> handle, unlisten(handle)
 *
 * An empty path is the process's own namespace (no descriptor). dev and ino
 * (0: any) are compared with the opened file. settings are "name=value" below
 * /proc/sys. Every message of a transaction wants an ack or is a dump. Errors
 * carry errno and syscall.
 */
#include "netns/netns.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const napi_type_tag tag = { 0x9d3c1f7a52e84b06, 0x8be1c90d37f24a65 };
static uint32_t leaked;

napi_value error_of(napi_env env, int err, const char *call)
{
	napi_value message, object, value;

	napi_create_string_utf8(env, strerror(err), NAPI_AUTO_LENGTH, &message);
	napi_create_error(env, NULL, message, &object);
	napi_create_int32(env, err, &value);
	napi_set_named_property(env, object, "errno", value);
	napi_create_string_utf8(env, call, NAPI_AUTO_LENGTH, &value);
	napi_set_named_property(env, object, "syscall", value);
	return object;
}

bool is_tagged(napi_env env, napi_value value, const napi_type_tag *tag)
{
	napi_valuetype type;
	bool ours = false;

	return napi_typeof(env, value, &type) == napi_ok && type == napi_object &&
	       napi_check_object_type_tag(env, value, tag, &ours) == napi_ok && ours;
}

static void on_cleanup(void *data);

static void close_netns(struct netns *netns)
{
	if (!netns->closed)
		napi_remove_env_cleanup_hook(netns->env, on_cleanup, netns);
	netns->closed = true;
	if (netns->busy)
		return;
	if (netns->sock >= 0)
		close(netns->sock);
	if (netns->ns >= 0)
		close(netns->ns);
	netns->sock = netns->ns = -1;
}

static void on_cleanup(void *data)
{
	close_netns(data);
}

static void on_collected(napi_env env, void *data, void *hint)
{
	struct netns *netns = data;

	(void)env, (void)hint;
	leaked += !netns->closed;
	close_netns(netns);
	free(netns);
}

static napi_value wrap(napi_env env, struct netns *netns)
{
	napi_value handle;

	napi_create_object(env, &handle);
	napi_type_tag_object(env, handle, &tag);
	napi_wrap(env, handle, netns, on_collected, NULL, NULL);
	napi_add_env_cleanup_hook(env, on_cleanup, netns);
	return handle;
}

/* The handle's namespace, or NULL with an exception: not ours, or closed. */
static struct netns *unwrap(napi_env env, napi_value handle, bool open)
{
	struct netns *netns;

	if (!is_tagged(env, handle, &tag) || napi_unwrap(env, handle, (void **)&netns) != napi_ok) {
		napi_throw(env, error_of(env, EINVAL, "unwrap"));
		return NULL;
	}
	if (open && netns->closed) {
		napi_throw(env, error_of(env, EBADF, "unwrap"));
		return NULL;
	}
	return netns;
}

static void free_job(napi_env env, struct job *job)
{
	if (job->work)
		napi_delete_async_work(env, job->work);
	if (job->keep)
		napi_delete_reference(env, job->keep);
	free(job->path);
	free(job->settings);
	free(job->in);
	free(job->out);
	free(job);
}

static void settle(napi_env env, struct job *job, napi_value value)
{
	if (job->err)
		napi_reject_deferred(env, job->deferred, error_of(env, job->err, job->call));
	else
		napi_resolve_deferred(env, job->deferred, value);
	free_job(env, job);
}

static void on_opened(napi_env env, napi_status status, void *data)
{
	struct job *job = data;
	struct netns *netns = job->netns;
	napi_value handle = NULL;

	if (status != napi_ok && !job->err)
		failed(job, "open", ECANCELED);
	netns->env = env;
	if (!job->err) {
		handle = wrap(env, netns);
	} else {
		netns->closed = true; /* it never had a hook */
		close_netns(netns);
		free(netns);
	}
	settle(env, job, handle);
}

static void on_transacted(napi_env env, napi_status status, void *data)
{
	struct job *job = data;
	napi_value bytes = NULL;

	if (status != napi_ok && !job->err)
		failed(job, "transact", ECANCELED);
	job->netns->busy--;
	if (job->netns->closed)
		close_netns(job->netns);
	if (!job->err)
		napi_create_buffer_copy(env, job->out_len, job->out, NULL, &bytes);
	settle(env, job, bytes);
}

static napi_value start(napi_env env, struct job *job, napi_async_execute_callback work,
			napi_async_complete_callback done)
{
	napi_value promise, name;

	napi_create_promise(env, &job->deferred, &promise);
	napi_create_string_utf8(env, "netns", NAPI_AUTO_LENGTH, &name);
	napi_create_async_work(env, NULL, name, work, done, job, &job->work);
	napi_queue_async_work(env, job->work);
	return promise;
}

static char *text_of(napi_env env, napi_value value)
{
	char *text = NULL;
	size_t length;

	if (napi_get_value_string_utf8(env, value, NULL, 0, &length) == napi_ok)
		text = calloc(1, length + 2);
	if (text)
		napi_get_value_string_utf8(env, value, text, length + 1, NULL);
	return text;
}

static napi_value open_netns(napi_env env, napi_callback_info info)
{
	struct job *job = calloc(1, sizeof(*job));
	napi_value args[5];
	size_t argc = 5, at;
	bool lossless;

	napi_get_cb_info(env, info, &argc, args, NULL, NULL);
	job->path = text_of(env, args[0]);
	job->settings = text_of(env, args[3]);
	job->netns = calloc(1, sizeof(*job->netns));
	if (!job->path || !job->settings || !job->netns ||
	    napi_get_value_bigint_uint64(env, args[1], &job->dev, &lossless) != napi_ok ||
	    napi_get_value_bigint_uint64(env, args[2], &job->ino, &lossless) != napi_ok ||
	    napi_get_value_int32(env, args[4], &job->buffer) != napi_ok) {
		free(job->netns);
		free_job(env, job);
		napi_throw(env, error_of(env, EINVAL, "open"));
		return NULL;
	}
	for (at = 0; job->settings[at]; at++) /* lines become strings */
		if (job->settings[at] == '\n')
			job->settings[at] = '\0';
	job->netns->ns = job->netns->sock = -1;
	return start(env, job, open_work, on_opened);
}

static napi_value transact(napi_env env, napi_callback_info info)
{
	struct netns *netns;
	struct job *job;
	napi_value args[2];
	size_t argc = 2, length;
	void *bytes;

	napi_get_cb_info(env, info, &argc, args, NULL, NULL);
	netns = unwrap(env, args[0], true);
	if (!netns)
		return NULL;
	job = calloc(1, sizeof(*job));
	if (napi_get_buffer_info(env, args[1], &bytes, &length) == napi_ok)
		job->in = malloc(length + 1);
	if (!job->in || netns->busy) {
		free_job(env, job);
		napi_throw(env, error_of(env, netns->busy ? EBUSY : EINVAL, "transact"));
		return NULL;
	}
	memcpy(job->in, bytes, length);
	job->in_len = length;
	job->netns = netns;
	netns->busy++;
	napi_create_reference(env, args[0], 1, &job->keep);
	return start(env, job, transact_work, on_transacted);
}

static napi_value descriptor(napi_env env, napi_callback_info info)
{
	struct netns *netns;
	napi_value handle, number = NULL;
	size_t argc = 1;

	napi_get_cb_info(env, info, &argc, &handle, NULL, NULL);
	netns = unwrap(env, handle, true);
	if (netns)
		napi_create_int32(env, netns->ns, &number);
	return number;
}

static napi_value close_handle(napi_env env, napi_callback_info info)
{
	struct netns *netns;
	napi_value handle;
	size_t argc = 1;

	napi_get_cb_info(env, info, &argc, &handle, NULL, NULL);
	netns = unwrap(env, handle, false);
	if (netns)
		close_netns(netns);
	return NULL;
}

static napi_value leaks(napi_env env, napi_callback_info info)
{
	napi_value number;

	(void)info;
	napi_create_uint32(env, leaked, &number);
	return number;
}

NAPI_MODULE_INIT()
{
	static const napi_property_descriptor all[] = {
		{ "open", NULL, open_netns, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "transact", NULL, transact, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "descriptor", NULL, descriptor, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "close", NULL, close_handle, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "leaks", NULL, leaks, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "listen", NULL, listen_to, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "unlisten", NULL, unlisten, NULL, NULL, NULL, napi_enumerable, NULL },
	};

	napi_define_properties(env, exports, sizeof(all) / sizeof(all[0]), all);
	return exports;
}
