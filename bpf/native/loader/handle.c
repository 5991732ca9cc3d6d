// SPDX-License-Identifier: Apache-2.0
/* Handles, errors, and arguments; what libbpf says goes with the error it is about. */
#include "loader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const napi_type_tag tag = { 0x4f0d8a36c1b97e52, 0xa7725be81c3d90f4 };
static uint32_t leaked;
static __thread char words[2048];

int on_said(enum libbpf_print_level level, const char *format, va_list args)
{
	size_t used = strlen(words);

	if (level == LIBBPF_WARN)
		vsnprintf(words + used, sizeof(words) - used, format, args);
	return 0;
}

void quiet(void)
{
	words[0] = '\0';
}

const char *said(void)
{
	return words[0] ? words : NULL;
}

void set(napi_env env, napi_value object, const char *name, napi_value value)
{
	napi_set_named_property(env, object, name, value);
}

napi_value number(napi_env env, double value)
{
	napi_value out;

	napi_create_double(env, value, &out);
	return out;
}

napi_value error_of(napi_env env, int err, const char *call, const char *text)
{
	napi_value message, error, value;

	/* libbpf's own numbers: the file is not what it should be */
	if (err >= 4000)
		err = ENOEXEC;
	napi_create_string_utf8(env, strerror(err), NAPI_AUTO_LENGTH, &message);
	napi_create_error(env, NULL, message, &error);
	set(env, error, "errno", number(env, err));
	napi_create_string_utf8(env, call, NAPI_AUTO_LENGTH, &value);
	set(env, error, "syscall", value);
	if (text) {
		napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value);
		set(env, error, "said", value);
	}
	return error;
}

napi_value throw_error(napi_env env, int err, const char *call)
{
	napi_throw(env, error_of(env, err, call, said()));
	return NULL;
}

static void on_cleanup(void *data);

static void close_it(struct handle *handle)
{
	if (handle->closed)
		return;
	handle->closed = true;
	napi_remove_env_cleanup_hook(handle->env, on_cleanup, handle);
	bpf_object__close(handle->object);
	if (handle->memory)
		munmap(handle->memory, handle->memory_size);
	if (handle->fd >= 0)
		close(handle->fd);
	handle->object = NULL;
	handle->memory = NULL;
	handle->fd = -1;
}

static void on_cleanup(void *data)
{
	close_it(data);
}

static void on_collected(napi_env env, void *data, void *hint)
{
	struct handle *handle = data;

	(void)env, (void)hint;
	leaked += !handle->closed;
	close_it(handle);
	free(handle);
}

static napi_value wrap(napi_env env, struct handle with)
{
	struct handle *handle = malloc(sizeof(*handle));
	napi_value value;

	if (!handle) {
		bpf_object__close(with.object);
		if (with.fd >= 0)
			close(with.fd);
		return throw_error(env, ENOMEM, "malloc");
	}
	*handle = with;
	handle->env = env;
	napi_create_object(env, &value);
	napi_type_tag_object(env, value, &tag);
	napi_wrap(env, value, handle, on_collected, NULL, NULL);
	napi_add_env_cleanup_hook(env, on_cleanup, handle);
	return value;
}

napi_value wrap_fd(napi_env env, enum kind kind, int fd)
{
	return wrap(env, (struct handle){ .kind = kind, .fd = fd });
}

napi_value wrap_object(napi_env env, struct bpf_object *object)
{
	return wrap(env, (struct handle){ .kind = OBJECT, .fd = -1, .object = object });
}

/* The handle of ours that the value is, or NULL with an exception. */
static struct handle *unwrap(napi_env env, napi_value value)
{
	struct handle *handle = NULL;
	napi_valuetype type;
	bool ours = false;

	/* napi itself throws for what is no object */
	if (napi_typeof(env, value, &type) != napi_ok || type != napi_object ||
	    napi_check_object_type_tag(env, value, &tag, &ours) != napi_ok || !ours ||
	    napi_unwrap(env, value, (void **)&handle) != napi_ok)
		throw_error(env, EINVAL, "unwrap");
	return handle;
}

struct handle *handle_of(napi_env env, napi_value value, enum kind kind)
{
	struct handle *handle = unwrap(env, value);

	quiet();
	if (!handle)
		return NULL;
	if (handle->closed || handle->kind != kind) {
		throw_error(env, handle->closed ? EBADF : EINVAL, "unwrap");
		return NULL;
	}
	return handle;
}

bool arguments(napi_env env, napi_callback_info info, size_t wanted, napi_value *argv)
{
	size_t argc = wanted;

	quiet();
	napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
	if (argc < wanted)
		throw_error(env, EINVAL, "arguments");
	return argc >= wanted;
}

bool numbers_of(napi_env env, const napi_value *argv, size_t count, uint32_t *out)
{
	for (size_t at = 0; at < count; at++)
		if (napi_get_value_uint32(env, argv[at], &out[at]) != napi_ok) {
			throw_error(env, EINVAL, "number");
			return false;
		}
	return true;
}

char *text_of(napi_env env, napi_value value)
{
	char *text = NULL;
	size_t length;

	if (napi_get_value_string_utf8(env, value, NULL, 0, &length) == napi_ok)
		text = malloc(length + 1);
	if (text)
		napi_get_value_string_utf8(env, value, text, length + 1, NULL);
	else
		throw_error(env, EINVAL, "text");
	return text;
}

bool bytes_of(napi_env env, napi_value value, uint8_t **bytes, size_t *length)
{
	napi_typedarray_type type;
	bool is = false;

	if (napi_is_typedarray(env, value, &is) == napi_ok && is &&
	    napi_get_typedarray_info(env, value, &type, length, (void **)bytes, NULL, NULL) ==
		    napi_ok &&
	    type == napi_uint8_array)
		return true;
	throw_error(env, EINVAL, "bytes");
	return false;
}

int open_pin(const char *path, enum kind kind)
{
	char name[64] = "", link[32];
	int fd = bpf_obj_get(path);
	ssize_t got;

	if (fd < 0)
		return -errno;
	/* What it is, says only its name: questions for a map are answered for any. */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	got = readlink(link, name, sizeof(name) - 1);
	if (got > 0 && strstr(name, kind == MAP ? "bpf-map" : "bpf-prog"))
		return fd;
	close(fd);
	return -EINVAL;
}

napi_value close_handle(napi_env env, napi_callback_info info)
{
	struct handle *handle;
	napi_value value;

	if (arguments(env, info, 1, &value) && (handle = unwrap(env, value)))
		close_it(handle);
	return NULL;
}

void count_leak(void)
{
	leaked++;
}

napi_value leaks(napi_env env, napi_callback_info info)
{
	(void)info;
	return number(env, leaked);
}
