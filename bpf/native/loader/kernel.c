// SPDX-License-Identifier: Apache-2.0
/* What the kernel can do, waiting for its CPUs, and its BPF file system. */
#include "loader.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Kernels wait for running programs before a change of a map in a map is reported. */
static int wait_by_map(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, options);
	int inner, outer, err = 0;
	uint32_t key = 0;

	inner = bpf_map_create(BPF_MAP_TYPE_ARRAY, "ww_inner", 4, 4, 1, NULL);
	if (inner < 0)
		return errno;
	options.inner_map_fd = inner;
	outer = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "ww_outer", 4, 4, 1, &options);
	if (outer < 0 || bpf_map_update_elem(outer, &key, &inner, BPF_ANY))
		err = errno;
	if (outer >= 0)
		close(outer);
	close(inner);
	return err;
}

void grace_work(struct job *job)
{
	int err;

	/* refused where CPUs run without a tick (nohz_full) */
	if (!job->by_map && !syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		return;
	err = wait_by_map();
	if (err)
		failed(job, "bpf_map_update", err);
}

/* An errno. */
static int try_map(enum bpf_map_type type, uint32_t key_size, uint32_t flags)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = flags);
	int fd = bpf_map_create(type, "ww_probe", key_size, 8, 1, &options);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int try_tcx(void)
{
	uint32_t flags = 0, ids[1], count = 0;

	/* of the loopback interface; how many there are does not matter */
	return bpf_prog_query(1, (enum bpf_attach_type)TCX_ATTACH_TYPE(BPF_TC_INGRESS), 0, &flags,
			      ids, &count)
		       ? errno
		       : 0;
}

/* Only at run time does the helper look at the size of the key. */
static int try_tunnel_key(void)
{
	const int size = sizeof(struct bpf_tunnel_key);
	struct bpf_insn code[16 + 8] = { 0 };
	uint8_t packet[64] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = 1);
	int at = 0, fd, err;

	for (int word = -48; word < 0; word += 8) /* *(u64 *)(r10 + word) = 0 */
		code[at++] = (struct bpf_insn){ .code = BPF_ST | BPF_MEM | BPF_DW,
						.dst_reg = BPF_REG_10,
						.off = word };
	/* r2 = r10 - 48, r3 = size, r4 = 0, r1 is the packet still */
	code[at++] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_X,
					.dst_reg = BPF_REG_2,
					.src_reg = BPF_REG_10 };
	code[at++] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_ADD | BPF_K,
					.dst_reg = BPF_REG_2,
					.imm = -48 };
	code[at++] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K,
					.dst_reg = BPF_REG_3,
					.imm = size };
	code[at++] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_4 };
	code[at++] =
		(struct bpf_insn){ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_skb_set_tunnel_key };
	code[at++] = (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT };
	fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "ww_probe", "Dual MIT/GPL", code, at, NULL);
	if (fd < 0)
		return errno;
	err = bpf_prog_test_run_opts(fd, &run) ? errno : -(int)run.retval;
	close(fd);
	return err;
}

static int try_feature(uint32_t feature)
{
	switch (feature) {
	case 0:
		return try_tcx();
	case 1:
		return try_tunnel_key();
	case 2:
		return try_map(BPF_MAP_TYPE_ARRAY, 4, BPF_F_MMAPABLE);
	case 3:
		return try_map(BPF_MAP_TYPE_LPM_TRIE, 8, BPF_F_NO_PREALLOC);
	default:
		return ENOENT;
	}
}

napi_value probe(napi_env env, napi_callback_info info)
{
	napi_value argument, answer;
	uint32_t feature;
	int err;

	if (!arguments(env, info, 1, &argument) || !numbers_of(env, &argument, 1, &feature))
		return NULL;
	err = try_feature(feature);
	/* No privileges, no memory: that says nothing of the kernel. */
	if (err == EPERM || err == ENOMEM || err == ENOENT)
		return throw_error(env, err, "bpf");
	napi_get_boolean(env, !err, &answer);
	return answer;
}

napi_value library(napi_env env, napi_callback_info info)
{
	napi_value version;

	(void)info;
	napi_create_string_utf8(env, libbpf_version_string(), NAPI_AUTO_LENGTH, &version);
	return version;
}

/* An errno; one process at a time, so that no mount is hidden by another. */
static int mount_once(const char *directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;
	struct statfs now;

	if (fd < 0)
		return errno;
	if (flock(fd, LOCK_EX) || statfs(directory, &now))
		err = errno;
	else if (now.f_type != BPF_FS_MAGIC &&
		 mount("bpf", directory, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
		err = errno;
	close(fd);
	return err;
}

napi_value mount_bpf(napi_env env, napi_callback_info info)
{
	napi_value argument;
	char *directory;
	int err;

	if (!arguments(env, info, 1, &argument) || !(directory = text_of(env, argument)))
		return NULL;
	err = mount_once(directory);
	free(directory);
	return err ? throw_error(env, err, "mount") : NULL;
}
