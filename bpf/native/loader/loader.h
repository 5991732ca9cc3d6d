/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the loader addon. Handles are closed by hand, by the collector
 * (a leak) or with the environment. Jobs run on libuv's pool, whose threads
 * are in the process's own namespaces; they keep their own descriptors.
 */
#ifndef LOADER_H
#define LOADER_H

#define NAPI_VERSION 8
#include <node_api.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#if LIBBPF_MAJOR_VERSION < 1 || (LIBBPF_MAJOR_VERSION == 1 && LIBBPF_MINOR_VERSION < 1)
#error "libbpf 1.1 or later is needed"
#endif
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

enum kind { OBJECT = 1, MAP, PROGRAM };

struct handle {
	enum kind kind;
	bool closed;
	napi_env env;
	struct bpf_object *object;
	int fd;
	uint32_t type, key_size, value_size, value_bytes, max_entries;
	uint8_t *memory; /* of an mmap-able array, once it was asked for */
	size_t memory_size;
};

struct program_info {
	uint32_t id;
	char name[BPF_OBJ_NAME_LEN], tag[2 * BPF_TAG_SIZE + 1];
};

/* Something that may wait for the rtnl lock or for the CPUs. */
struct job {
	napi_async_work work;
	napi_deferred deferred;
	void (*run)(struct job *job);
	/* makes the promise's value; without it, undefined */
	napi_value (*answer)(napi_env env, const struct job *job);
	int err;
	const char *call; /* the system call that gave err */
	char *said; /* what libbpf said */
	int program; /* a descriptor, or -1 */
	uint32_t ifindex, hook; /* in and out; 1 is ingress, 2 egress */
	char *pin;
	bool by_map;
	bool found, found_program;
	struct program_info info;
};

/* --- handle.c: handles, errors, arguments */
napi_value close_handle(napi_env env, napi_callback_info info);
napi_value leaks(napi_env env, napi_callback_info info);
void count_leak(void);
/* for libbpf_set_print */
int on_said(enum libbpf_print_level level, const char *format, va_list args);
napi_value error_of(napi_env env, int err, const char *call, const char *said);
/* throws; libbpf's words since quiet() go with it */
napi_value throw_error(napi_env env, int err, const char *call);
/* forget what libbpf said on this thread */
void quiet(void);
const char *said(void);
/* an open handle of that kind, or NULL with an exception */
struct handle *handle_of(napi_env env, napi_value value, enum kind kind);
napi_value wrap_fd(napi_env env, enum kind kind, int fd);
napi_value wrap_object(napi_env env, struct bpf_object *object);
/* the arguments; fewer than wanted is an exception and false */
bool arguments(napi_env env, napi_callback_info info, size_t wanted, napi_value *argv);
bool numbers_of(napi_env env, const napi_value *argv, size_t count, uint32_t *out);
/* to be freed; NULL with an exception */
char *text_of(napi_env env, napi_value value);
/* the bytes of a Uint8Array; false with an exception */
bool bytes_of(napi_env env, napi_value value, uint8_t **bytes, size_t *length);
napi_value number(napi_env env, double value);
void set(napi_env env, napi_value object, const char *name, napi_value value);
/* a descriptor for what is pinned there; a negative errno also where it is another kind */
int open_pin(const char *pin, enum kind kind);

/* --- object.c */
napi_value open_object(napi_env env, napi_callback_info info);
napi_value set_max_entries(napi_env env, napi_callback_info info);
napi_value set_rodata(napi_env env, napi_callback_info info);
napi_value load(napi_env env, napi_callback_info info);
napi_value map_names(napi_env env, napi_callback_info info);
napi_value program_names(napi_env env, napi_callback_info info);
napi_value map_of(napi_env env, napi_callback_info info);
napi_value program_of(napi_env env, napi_callback_info info);

/* --- program.c */
bool ask_program(int fd, struct program_info *info);
napi_value program_object(napi_env env, const struct program_info *info);
napi_value open_program(napi_env env, napi_callback_info info);
napi_value program_info(napi_env env, napi_callback_info info);
napi_value pin(napi_env env, napi_callback_info info);
napi_value test_run(napi_env env, napi_callback_info info);

/* --- map.c */
/* the sizes of the handle's map; an errno */
int ask_map(struct handle *map, struct bpf_map_info *info);
napi_value open_map(napi_env env, napi_callback_info info);
napi_value map_info(napi_env env, napi_callback_info info);
napi_value lookup(napi_env env, napi_callback_info info);
napi_value update(napi_env env, napi_callback_info info);
napi_value remove_key(napi_env env, napi_callback_info info);
napi_value store32(napi_env env, napi_callback_info info);
napi_value load32(napi_env env, napi_callback_info info);

/* --- batch.c */
napi_value update_batch(napi_env env, napi_callback_info info);
napi_value remove_batch(napi_env env, napi_callback_info info);
napi_value entries(napi_env env, napi_callback_info info);

/* --- ring.c */
napi_value open_ring(napi_env env, napi_callback_info info);
napi_value read_ring(napi_env env, napi_callback_info info);
napi_value rest_ring(napi_env env, napi_callback_info info);
napi_value close_ring(napi_env env, napi_callback_info info);

/* --- job.c: the doors of link.c, filter.c and grace.c */
static inline void failed(struct job *job, const char *call, int err)
{
	job->call = call;
	job->err = err;
}
napi_value link_attach(napi_env env, napi_callback_info info);
napi_value link_detach(napi_env env, napi_callback_info info);
napi_value link_info(napi_env env, napi_callback_info info);
napi_value filter_attach(napi_env env, napi_callback_info info);
napi_value filter_detach(napi_env env, napi_callback_info info);
napi_value filter_info(napi_env env, napi_callback_info info);
napi_value grace(napi_env env, napi_callback_info info);

/* --- link.c: tcx */
#define TCX_ATTACH_TYPE(hook) (45 + (hook)) /* BPF_TCX_INGRESS is 46, EGRESS 47 */
void link_attach_work(struct job *job);
void link_detach_work(struct job *job);
void link_info_work(struct job *job);
/* job->info of the program of that id */
void find_program(struct job *job, uint32_t id);

/* --- filter.c: clsact */
void filter_attach_work(struct job *job);
void filter_detach_work(struct job *job);
void filter_info_work(struct job *job);

/* --- kernel.c: what is no object of BPF's */
void grace_work(struct job *job);
napi_value probe(napi_env env, napi_callback_info info);
napi_value library(napi_env env, napi_callback_info info);
napi_value mount_bpf(napi_env env, napi_callback_info info);

#endif
