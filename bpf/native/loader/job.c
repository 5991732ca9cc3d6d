// SPDX-License-Identifier: Apache-2.0
/* Work on libuv's pool, as promises. */
#include "loader.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void free_job(napi_env env, struct job *job)
{
	if (job->work)
		napi_delete_async_work(env, job->work);
	if (job->program >= 0)
		close(job->program);
	free(job->said);
	free(job->pin);
	free(job);
}

static void on_run(napi_env env, void *data)
{
	struct job *job = data;

	(void)env;
	quiet();
	job->run(job);
	if (job->err && said())
		job->said = strdup(said());
}

static void on_done(napi_env env, napi_status status, void *data)
{
	struct job *job = data;
	napi_value value;

	if (status != napi_ok && !job->err)
		failed(job, "run", ECANCELED);
	if (job->err) {
		napi_reject_deferred(env, job->deferred,
				     error_of(env, job->err, job->call, job->said));
	} else {
		napi_get_undefined(env, &value);
		if (job->answer && job->found)
			value = job->answer(env, job);
		napi_resolve_deferred(env, job->deferred, value);
	}
	free_job(env, job);
}

static napi_value start(napi_env env, struct job *job, void (*run)(struct job *job))
{
	napi_value promise, name;

	job->run = run;
	napi_create_promise(env, &job->deferred, &promise);
	napi_create_string_utf8(env, "loader", NAPI_AUTO_LENGTH, &name);
	napi_create_async_work(env, NULL, name, on_run, on_done, job, &job->work);
	napi_queue_async_work(env, job->work);
	return promise;
}

static struct job *new_job(napi_env env)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job)
		job->program = -1;
	else
		throw_error(env, ENOMEM, "malloc");
	return job;
}

/* Its own descriptor: the handle may be closed meanwhile. */
static bool take_program(napi_env env, struct job *job, napi_value value)
{
	struct handle *program = handle_of(env, value, PROGRAM);

	if (!program)
		return false;
	job->program = fcntl(program->fd, F_DUPFD_CLOEXEC, 0);
	if (job->program < 0)
		throw_error(env, errno, "dup");
	return job->program >= 0;
}

static bool take_place(napi_env env, struct job *job, const napi_value *argv)
{
	uint32_t numbers[2];

	if (!numbers_of(env, argv, 2, numbers))
		return false;
	job->ifindex = numbers[0];
	job->hook = numbers[1];
	if (!job->ifindex || (job->hook != BPF_TC_INGRESS && job->hook != BPF_TC_EGRESS)) {
		throw_error(env, EINVAL, "place");
		return false;
	}
	return true;
}

static napi_value attached(napi_env env, const struct job *job)
{
	napi_value object;

	napi_create_object(env, &object);
	set(env, object, "ifindex", number(env, job->ifindex));
	set(env, object, "hook", number(env, job->hook));
	if (job->found_program)
		set(env, object, "program", program_object(env, &job->info));
	return object;
}

napi_value link_attach(napi_env env, napi_callback_info info)
{
	napi_value argv[4];
	struct job *job;

	if (!arguments(env, info, 4, argv) || !(job = new_job(env)))
		return NULL;
	if (take_program(env, job, argv[0]) && take_place(env, job, &argv[1]) &&
	    (job->pin = text_of(env, argv[3])))
		return start(env, job, link_attach_work);
	free_job(env, job);
	return NULL;
}

static napi_value start_with_pin(napi_env env, napi_callback_info info,
				 void (*run)(struct job *job))
{
	napi_value argument;
	struct job *job;

	if (!arguments(env, info, 1, &argument) || !(job = new_job(env)))
		return NULL;
	job->answer = attached;
	job->pin = text_of(env, argument);
	if (job->pin)
		return start(env, job, run);
	free_job(env, job);
	return NULL;
}

napi_value link_detach(napi_env env, napi_callback_info info)
{
	return start_with_pin(env, info, link_detach_work);
}

napi_value link_info(napi_env env, napi_callback_info info)
{
	return start_with_pin(env, info, link_info_work);
}

napi_value filter_attach(napi_env env, napi_callback_info info)
{
	napi_value argv[3];
	struct job *job;

	if (!arguments(env, info, 3, argv) || !(job = new_job(env)))
		return NULL;
	if (take_program(env, job, argv[0]) && take_place(env, job, &argv[1]))
		return start(env, job, filter_attach_work);
	free_job(env, job);
	return NULL;
}

static napi_value start_at_place(napi_env env, napi_callback_info info,
				 void (*run)(struct job *job))
{
	napi_value argv[2];
	struct job *job;

	if (!arguments(env, info, 2, argv) || !(job = new_job(env)))
		return NULL;
	job->answer = attached;
	if (take_place(env, job, argv))
		return start(env, job, run);
	free_job(env, job);
	return NULL;
}

napi_value filter_detach(napi_env env, napi_callback_info info)
{
	return start_at_place(env, info, filter_detach_work);
}

napi_value filter_info(napi_env env, napi_callback_info info)
{
	return start_at_place(env, info, filter_info_work);
}

napi_value grace(napi_env env, napi_callback_info info)
{
	napi_value argument;
	struct job *job;

	if (!arguments(env, info, 1, &argument) || !(job = new_job(env)))
		return NULL;
	if (napi_get_value_bool(env, argument, &job->by_map) == napi_ok)
		return start(env, job, grace_work);
	free_job(env, job);
	return throw_error(env, EINVAL, "boolean");
}
