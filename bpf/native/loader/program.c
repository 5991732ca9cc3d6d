// SPDX-License-Identifier: Apache-2.0
/* Loaded programs. */
#include "loader.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <string.h>

bool ask_program(int fd, struct program_info *out)
{
	struct bpf_prog_info info = { 0 };
	uint32_t length = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &length))
		return false;
	out->id = info.id;
	memcpy(out->name, info.name, sizeof(out->name));
	for (int at = 0; at < BPF_TAG_SIZE; at++)
		sprintf(out->tag + 2 * at, "%02x", info.tag[at]);
	return true;
}

napi_value program_object(napi_env env, const struct program_info *info)
{
	napi_value object, text;

	napi_create_object(env, &object);
	set(env, object, "id", number(env, info->id));
	napi_create_string_utf8(env, info->name, NAPI_AUTO_LENGTH, &text);
	set(env, object, "name", text);
	napi_create_string_utf8(env, info->tag, NAPI_AUTO_LENGTH, &text);
	set(env, object, "tag", text);
	return object;
}

napi_value open_program(napi_env env, napi_callback_info info)
{
	napi_value argument;
	char *path;
	int fd;

	if (!arguments(env, info, 1, &argument) || !(path = text_of(env, argument)))
		return NULL;
	fd = open_pin(path, PROGRAM);
	free(path);
	return fd < 0 ? throw_error(env, -fd, "bpf_obj_get") : wrap_fd(env, PROGRAM, fd);
}

napi_value program_info(napi_env env, napi_callback_info info)
{
	struct program_info found;
	struct handle *program;
	napi_value argument;

	if (!arguments(env, info, 1, &argument) || !(program = handle_of(env, argument, PROGRAM)))
		return NULL;
	if (!ask_program(program->fd, &found))
		return throw_error(env, errno, "bpf_obj_get_info");
	return program_object(env, &found);
}

napi_value pin(napi_env env, napi_callback_info info)
{
	struct handle *program;
	napi_value argv[2];
	char *path;
	int err;

	if (!arguments(env, info, 2, argv) || !(program = handle_of(env, argv[0], PROGRAM)) ||
	    !(path = text_of(env, argv[1])))
		return NULL;
	err = bpf_obj_pin(program->fd, path) ? errno : 0;
	free(path);
	return err ? throw_error(env, err, "bpf_obj_pin") : NULL;
}

napi_value test_run(napi_env env, napi_callback_info info)
{
	struct __sk_buff context = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, run);
	uint32_t numbers[3]; /* repeat, ifindex, size of the result */
	struct handle *program;
	napi_value argv[5], out, value;
	uint8_t *packet, *result;
	size_t length;

	if (!arguments(env, info, 5, argv) || !(program = handle_of(env, argv[0], PROGRAM)) ||
	    !bytes_of(env, argv[1], &packet, &length) || !numbers_of(env, &argv[2], 3, numbers))
		return NULL;
	result = malloc(numbers[2] + 1);
	if (!result)
		return throw_error(env, ENOMEM, "malloc");
	run.data_in = packet;
	run.data_size_in = length;
	run.data_out = result;
	run.data_size_out = numbers[2];
	run.repeat = numbers[0];
	if (numbers[1]) {
		context.ifindex = numbers[1];
		run.ctx_in = &context;
		run.ctx_size_in = sizeof(context);
	}
	/* ENOSPC: the packet grew beyond its place; what fits is there */
	if (bpf_prog_test_run_opts(program->fd, &run) && errno != ENOSPC) {
		free(result);
		return throw_error(env, errno, "bpf_prog_test_run");
	}
	napi_create_array(env, &out);
	napi_set_element(env, out, 0, number(env, (int32_t)run.retval));
	napi_create_buffer_copy(env,
				run.data_size_out < numbers[2] ? run.data_size_out : numbers[2],
				result, NULL, &value);
	napi_set_element(env, out, 1, value);
	napi_set_element(env, out, 2, number(env, run.duration));
	free(result);
	return out;
}
