// SPDX-License-Identifier: Apache-2.0
/* Object files: parsed, adjusted, loaded. */
#include "loader.h"

#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* Of each program; the kernel touches as much of it as it has to say. */
#define LOG_SIZE (16u << 20)

napi_value open_object(napi_env env, napi_callback_info info)
{
	struct bpf_object *object;
	napi_value argument;
	char *path;

	if (!arguments(env, info, 1, &argument) || !(path = text_of(env, argument)))
		return NULL;
	object = bpf_object__open(path);
	free(path);
	return object ? wrap_object(env, object) : throw_error(env, errno, "open");
}

napi_value set_max_entries(napi_env env, napi_callback_info info)
{
	struct handle *handle;
	struct bpf_map *map;
	napi_value argv[3];
	uint32_t count;
	char *name;
	int err;

	if (!arguments(env, info, 3, argv) || !(handle = handle_of(env, argv[0], OBJECT)) ||
	    !numbers_of(env, &argv[2], 1, &count) || !(name = text_of(env, argv[1])))
		return NULL;
	map = bpf_object__find_map_by_name(handle->object, name);
	free(name);
	err = map ? -bpf_map__set_max_entries(map, count) : ENOENT;
	return err ? throw_error(env, err, "set max_entries") : NULL;
}

/* The place of a variable in the section, of exactly that size; an errno. */
static int find_variable(const struct btf *btf, const char *section, const char *name, size_t size,
			 size_t *offset)
{
	int id = btf__find_by_name_kind(btf, section, BTF_KIND_DATASEC);
	const struct btf_type *type = btf__type_by_id(btf, id);
	const struct btf_var_secinfo *variable;

	if (id < 0 || !type)
		return ENOENT;
	variable = btf_var_secinfos(type);
	for (uint32_t at = 0; at < btf_vlen(type); at++, variable++) {
		const struct btf_type *its = btf__type_by_id(btf, variable->type);

		if (strcmp(btf__name_by_offset(btf, its->name_off), name))
			continue;
		*offset = variable->offset;
		return variable->size == size ? 0 : EINVAL;
	}
	return ENOENT;
}

static int write_rodata(struct bpf_object *object, const char *name, const uint8_t *bytes,
			size_t length)
{
	size_t offset, size = 0;
	struct bpf_map *map;
	uint8_t *memory;
	int err;

	err = find_variable(bpf_object__btf(object), ".rodata", name, length, &offset);
	if (err)
		return err;
	bpf_object__for_each_map(map, object)
	{
		const char *its = bpf_map__name(map);
		const char *dot = strchr(its, '.');

		if (!bpf_map__is_internal(map) || !dot || strcmp(dot, ".rodata"))
			continue;
		/* Once loaded it is the kernel's. */
		memory =
			bpf_map__fd(map) < 0 ? (uint8_t *)bpf_map__initial_value(map, &size) : NULL;
		if (!memory)
			return EBUSY;
		if (offset + length > size)
			return EINVAL;
		memcpy(memory + offset, bytes, length);
		return 0;
	}
	return ENOENT;
}

napi_value set_rodata(napi_env env, napi_callback_info info)
{
	struct handle *handle;
	napi_value argv[3];
	uint8_t *bytes;
	size_t length;
	char *name;
	int err;

	if (!arguments(env, info, 3, argv) || !(handle = handle_of(env, argv[0], OBJECT)) ||
	    !bytes_of(env, argv[2], &bytes, &length) || !(name = text_of(env, argv[1])))
		return NULL;
	err = write_rodata(handle->object, name, bytes, length);
	free(name);
	return err ? throw_error(env, err, "set rodata") : NULL;
}

/* Without a directory nothing is pinned, whatever the file wishes. */
static int set_pins(struct bpf_object *object, const char *directory)
{
	char path[PATH_MAX];
	struct bpf_map *map;
	int err;

	bpf_object__for_each_map(map, object)
	{
		if (bpf_map__is_internal(map))
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", directory, bpf_map__name(map)) >=
		    (int)sizeof(path))
			return ENAMETOOLONG;
		err = -bpf_map__set_pin_path(map, *directory ? path : NULL);
		if (err)
			return err;
	}
	return 0;
}

/* The error of a load; the program that has a log is the one that was refused. */
static napi_value load_error(napi_env env, struct bpf_object *object, int err)
{
	napi_value error = error_of(env, err, "load", said()), value;
	struct bpf_program *program;

	bpf_object__for_each_program(program, object)
	{
		size_t size = 0;
		const char *log = bpf_program__log_buf(program, &size);

		if (!log || !*log)
			continue;
		napi_create_string_utf8(env, bpf_program__name(program), NAPI_AUTO_LENGTH, &value);
		set(env, error, "program", value);
		napi_create_string_utf8(env, log, strnlen(log, size), &value);
		set(env, error, "log", value);
	}
	return error;
}

napi_value load(napi_env env, napi_callback_info info)
{
	struct bpf_program *program;
	struct handle *handle;
	napi_value argv[2];
	char *directory;
	int err;

	if (!arguments(env, info, 2, argv) || !(handle = handle_of(env, argv[0], OBJECT)) ||
	    !(directory = text_of(env, argv[1])))
		return NULL;
	err = set_pins(handle->object, directory);
	free(directory);
	if (err)
		return throw_error(env, err, "load");
	bpf_object__for_each_program(program, handle->object)
		bpf_program__set_log_buf(program, calloc(1, LOG_SIZE), LOG_SIZE);
	err = -bpf_object__load(handle->object);
	if (err)
		napi_throw(env, load_error(env, handle->object, err));
	bpf_object__for_each_program(program, handle->object)
	{
		size_t size;

		free((char *)bpf_program__log_buf(program, &size));
		bpf_program__set_log_buf(program, NULL, 0);
	}
	return NULL;
}

napi_value map_names(napi_env env, napi_callback_info info)
{
	napi_value argument, names, name;
	struct handle *handle;
	struct bpf_map *map;
	uint32_t count = 0;

	if (!arguments(env, info, 1, &argument) || !(handle = handle_of(env, argument, OBJECT)))
		return NULL;
	napi_create_array(env, &names);
	bpf_object__for_each_map(map, handle->object)
	{
		if (bpf_map__is_internal(map))
			continue;
		napi_create_string_utf8(env, bpf_map__name(map), NAPI_AUTO_LENGTH, &name);
		napi_set_element(env, names, count++, name);
	}
	return names;
}

napi_value program_names(napi_env env, napi_callback_info info)
{
	napi_value argument, names, name;
	struct bpf_program *program;
	struct handle *handle;
	uint32_t count = 0;

	if (!arguments(env, info, 1, &argument) || !(handle = handle_of(env, argument, OBJECT)))
		return NULL;
	napi_create_array(env, &names);
	bpf_object__for_each_program(program, handle->object)
	{
		napi_create_string_utf8(env, bpf_program__name(program), NAPI_AUTO_LENGTH, &name);
		napi_set_element(env, names, count++, name);
	}
	return names;
}

/* A handle with a descriptor of its own. */
static napi_value copy_of(napi_env env, enum kind kind, int fd)
{
	int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return copy < 0 ? throw_error(env, fd < 0 ? ENOENT : errno, "dup")
			: wrap_fd(env, kind, copy);
}

napi_value map_of(napi_env env, napi_callback_info info)
{
	struct handle *handle;
	napi_value argv[2];
	char *name;
	int fd;

	if (!arguments(env, info, 2, argv) || !(handle = handle_of(env, argv[0], OBJECT)) ||
	    !(name = text_of(env, argv[1])))
		return NULL;
	fd = bpf_object__find_map_fd_by_name(handle->object, name);
	free(name);
	return copy_of(env, MAP, fd);
}

napi_value program_of(napi_env env, napi_callback_info info)
{
	struct bpf_program *program;
	struct handle *handle;
	napi_value argv[2];
	char *name;

	if (!arguments(env, info, 2, argv) || !(handle = handle_of(env, argv[0], OBJECT)) ||
	    !(name = text_of(env, argv[1])))
		return NULL;
	program = bpf_object__find_program_by_name(handle->object, name);
	free(name);
	return copy_of(env, PROGRAM, program ? bpf_program__fd(program) : -1);
}
