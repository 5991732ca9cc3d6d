// SPDX-License-Identifier: Apache-2.0
/*
 * clsact filters, for kernels without tcx: ours is known by its priority and
 * handle, and replaced in place. Filters of others come before or after it by
 * their priorities. The qdisc stays, whoever made it.
 */
#include "loader.h"

#include <errno.h>

#define OUR_PRIORITY 0x5757 /* "WW"; automatic ones begin at 0xc000 and come after */
#define OUR_HANDLE 0x5757

#define HOOK(name, job)                                                                            \
	LIBBPF_OPTS(bpf_tc_hook, name, .ifindex = (job)->ifindex, .attach_point = (job)->hook)
#define OURS(name, ...)                                                                            \
	LIBBPF_OPTS(bpf_tc_opts, name, .handle = OUR_HANDLE, .priority = OUR_PRIORITY, __VA_ARGS__)

void filter_attach_work(struct job *job)
{
	LIBBPF_OPTS(bpf_tc_hook, qdisc, .ifindex = job->ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	OURS(ours, .prog_fd = job->program, .flags = BPF_TC_F_REPLACE);
	struct program_info wanted;
	HOOK(hook, job);
	int err;

	err = -bpf_tc_hook_create(&qdisc);
	if (err && err != EEXIST)
		return failed(job, "create clsact", err);
	quiet();
	filter_info_work(job);
	if (job->err)
		return;
	if (job->found_program && ask_program(job->program, &wanted) && wanted.id == job->info.id)
		return;
	err = -bpf_tc_attach(&hook, &ours);
	if (err)
		failed(job, "bpf_tc_attach", err);
}

/* No such filter, qdisc or device. */
static bool is_gone(int err)
{
	return err == ENOENT || err == ENODEV || err == EINVAL;
}

void filter_detach_work(struct job *job)
{
	HOOK(hook, job);
	OURS(ours, .prog_fd = 0);
	int err = -bpf_tc_detach(&hook, &ours);

	if (err && !is_gone(err))
		failed(job, "bpf_tc_detach", err);
}

void filter_info_work(struct job *job)
{
	HOOK(hook, job);
	OURS(ours, .prog_fd = 0);
	int err = -bpf_tc_query(&hook, &ours);

	if (err && !is_gone(err))
		return failed(job, "bpf_tc_query", err);
	job->found = !err;
	if (!err)
		find_program(job, ours.prog_id);
}
