// SPDX-License-Identifier: Apache-2.0
/*
 * peer.c - who is at the other end of a unix socket, as the kernel knows it.
 *
 * The pid is the peer's at the time it connected, seen from our own namespace
 * (0 where it is not in it). A pid may be used again: the pidfd is what proves that
 * /proc/PID is still the peer's.
 */
#define _GNU_SOURCE
#include "fdpass.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

static void put(napi_env env, napi_value object, const char *name, int64_t value)
{
	napi_value number;

	napi_create_int64(env, value, &number);
	napi_set_named_property(env, object, name, number);
}

napi_value js_peer(napi_env env, napi_callback_info info)
{
	struct ucred peer;
	socklen_t length = sizeof(peer), pidfd_length = sizeof(int);
	napi_value argument, result;
	size_t argc = 1;
	int fd, pidfd;

	napi_get_cb_info(env, info, &argc, &argument, NULL, NULL);
	if (napi_get_value_int32(env, argument, &fd))
		return fail(env, EINVAL, "peer");
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length))
		return fail(env, errno, "getsockopt SO_PEERCRED");
	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &pidfd_length)) {
		/* Older kernels do not know the option; any other reason means that the peer has gone. */
		if (errno != ENOPROTOOPT && errno != EOPNOTSUPP)
			return fail(env, errno, "getsockopt SO_PEERPIDFD");
		pidfd = -1;
	} else {
		fcntl(pidfd, F_SETFD, FD_CLOEXEC);
	}
	napi_create_object(env, &result);
	put(env, result, "pid", peer.pid);
	put(env, result, "uid", peer.uid);
	put(env, result, "gid", peer.gid);
	put(env, result, "pidfd", pidfd);
	return result;
}

napi_value js_duplicate(napi_env env, napi_callback_info info)
{
	napi_value argument, result;
	size_t argc = 1;
	int fd, copy;

	napi_get_cb_info(env, info, &argc, &argument, NULL, NULL);
	if (napi_get_value_int32(env, argument, &fd))
		return fail(env, EINVAL, "dup");
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (copy < 0)
		return fail(env, errno, "dup");
	napi_create_int32(env, copy, &result);
	return result;
}
