// SPDX-License-Identifier: Apache-2.0
/*
 * tcx links, pinned. A link is appended: whoever is there sees packets first.
 * One that lost its device stays pinned, with interface 0.
 */
#include "loader.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define LINK_TYPE_TCX 11

/* What struct bpf_link_info ends with for tcx; Debian 12's header knows it not. */
struct tcx_info {
	uint32_t ifindex, attach_type;
};

/* An errno. */
static int ask_link(int fd, uint32_t *program_id, struct tcx_info *tcx)
{
	struct bpf_link_info info = { 0 };
	uint32_t length = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &length))
		return errno;
	if (info.type != LINK_TYPE_TCX)
		return EMEDIUMTYPE;
	*program_id = info.prog_id;
	memcpy(tcx, &info.xdp, sizeof(*tcx));
	return 0;
}

void find_program(struct job *job, uint32_t id)
{
	int fd = bpf_prog_get_fd_by_id(id);

	if (fd < 0)
		return;
	job->found_program = ask_program(fd, &job->info);
	close(fd);
}

/* A new link, pinned. */
static void make_link(struct job *job)
{
	int fd = bpf_link_create(job->program, job->ifindex, TCX_ATTACH_TYPE(job->hook), NULL);

	if (fd < 0)
		return failed(job, "bpf_link_create", errno);
	if (bpf_obj_pin(fd, job->pin)) {
		failed(job, "bpf_obj_pin", errno);
		bpf_link_detach(fd);
	}
	close(fd);
}

void link_attach_work(struct job *job)
{
	uint32_t wanted = TCX_ATTACH_TYPE(job->hook), program_id;
	struct program_info ours;
	struct tcx_info tcx;
	int fd, err;

	fd = bpf_obj_get(job->pin);
	if (fd < 0)
		return errno == ENOENT ? make_link(job) : failed(job, "bpf_obj_get", errno);
	err = ask_link(fd, &program_id, &tcx);
	if (!err && tcx.ifindex) {
		if (tcx.ifindex != job->ifindex || tcx.attach_type != wanted)
			err = EEXIST;
		else if (!ask_program(job->program, &ours))
			err = errno;
		else if (ours.id != program_id)
			err = bpf_link_update(fd, job->program, NULL) ? errno : 0;
	}
	close(fd);
	/* ENOLINK: its device went a moment ago */
	if ((!err && !tcx.ifindex) || err == ENOLINK) {
		if (unlink(job->pin) && errno != ENOENT)
			return failed(job, "unlink", errno);
		return make_link(job);
	}
	if (err)
		failed(job, err == EEXIST ? "pin" : "bpf_link_update", err);
}

void link_detach_work(struct job *job)
{
	uint32_t program_id;
	struct tcx_info tcx;
	int fd = bpf_obj_get(job->pin), err;

	if (fd < 0) {
		if (errno != ENOENT)
			failed(job, "bpf_obj_get", errno);
		return;
	}
	err = ask_link(fd, &program_id, &tcx);
	if (!err && tcx.ifindex && bpf_link_detach(fd) && errno != ENOLINK)
		err = errno;
	close(fd);
	if (!err && unlink(job->pin) && errno != ENOENT)
		err = errno;
	if (err)
		failed(job, "bpf_link_detach", err);
}

void link_info_work(struct job *job)
{
	uint32_t program_id;
	struct tcx_info tcx;
	int fd = bpf_obj_get(job->pin), err;

	if (fd < 0) {
		if (errno != ENOENT)
			failed(job, "bpf_obj_get", errno);
		return;
	}
	err = ask_link(fd, &program_id, &tcx);
	close(fd);
	if (err)
		return failed(job, "bpf_obj_get_info", err);
	job->found = true;
	job->ifindex = tcx.ifindex;
	job->hook = tcx.attach_type - TCX_ATTACH_TYPE(0);
	find_program(job, program_id);
}
