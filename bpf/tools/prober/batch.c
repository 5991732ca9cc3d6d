// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "batch.h"

#include <errno.h>
#include <endian.h>
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where things are in a STAMP packet (RFC 8762, section 4.2.1). */
enum {
	AT_SEQUENCE = 0,
	AT_STAMP = 4,
	AT_ERROR = 12,
};

/* The stamp's error, as the packet says it: 1 * 2^(22 - 32) s, not told by any outer clock. */
#define STAMP_ERROR (22 << 8 | 1)
/* How often two families are tried to be had at one port. */
#define TRIES 16

/*
 * What may wait in the queues of links and for neighbours, in bytes as the kernel
 * counts them, some 700 a probe: a slow link must not keep the others waiting.
 */
#define WAITING (32 << 20)

static const unsigned char zeros[UINT16_MAX];

static void fail(const char *what)
{
	fprintf(stderr, "prober: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void set(int fd, int level, int option, int value)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)) < 0)
		fail("setsockopt");
}

/* Nothing that comes is wanted: no memory is spent on it. */
static void take_nothing(int fd)
{
	struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog filter = { .len = 1, .filter = &none };

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) < 0)
		fail("SO_ATTACH_FILTER");
}

static int open_socket(int family)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	take_nothing(fd);
	set(fd, SOL_SOCKET, SO_SNDBUFFORCE, WAITING);
	return fd;
}

static int open4(int discover)
{
	int fd = open_socket(AF_INET);

	if (fd < 0)
		return -1;
	set(fd, IPPROTO_IP, IP_MTU_DISCOVER, discover);
	return fd;
}

/* IPv6 has the same numbers for what is heeded. */
static int open6(int discover)
{
	int fd = open_socket(AF_INET6);

	if (fd < 0)
		return -1;
	set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, discover);
	set(fd, IPPROTO_IPV6, IPV6_DONTFRAG, 1);
	return fd;
}

/* Bind to a port, 0 being any; returns which, 0 where it is taken. */
static uint16_t bind4(int fd, uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	socklen_t length = sizeof(address);

	if (bind(fd, (void *)&address, length) < 0 ||
	    getsockname(fd, (void *)&address, &length) < 0)
		return 0;
	return ntohs(address.sin_port);
}

static bool bind6(int fd, uint16_t port)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	return bind(fd, (void *)&address, sizeof(address)) == 0;
}

/* Both families at one port; returns it, or 0. */
static uint16_t open_at(struct batches *batches, uint16_t wanted, int discover)
{
	uint16_t port;

	batches->v4.fd = open4(discover);
	batches->v6.fd = open6(discover);
	if (batches->v4.fd < 0)
		fail("socket");
	port = bind4(batches->v4.fd, wanted);
	if (port != 0 && (batches->v6.fd < 0 || bind6(batches->v6.fd, port)))
		return port;
	close(batches->v4.fd);
	if (batches->v6.fd >= 0)
		close(batches->v6.fd);
	return 0;
}

/* What is the same in all probes that a place is used for. */
static void prepare(struct batch *batch, int family)
{
	uint16_t error = htobe16(STAMP_ERROR);

	for (int i = 0; i < BATCH; i++) {
		struct msghdr *header = &batch->messages[i].msg_hdr;

		memcpy(batch->packets[i] + AT_ERROR, &error, sizeof(error));
		batch->parts[i][0] = (struct iovec){ batch->packets[i], STAMP_BYTES };
		batch->parts[i][1].iov_base = (void *)zeros;
		header->msg_iov = batch->parts[i];
		header->msg_name = &batch->to[i];
		header->msg_control = batch->options[i];
		if (family == AF_INET) {
			batch->to[i].v4.sin_family = AF_INET;
			header->msg_namelen = sizeof(batch->to[i].v4);
		} else {
			batch->to[i].v6.sin6_family = AF_INET6;
			header->msg_namelen = sizeof(batch->to[i].v6);
		}
	}
}

void batches_open(struct batches *batches, const struct plane *plane, uint32_t *word, int discover)
{
	/* The port of a forerunner, if it is free: answers on their way still count. */
	uint16_t port = open_at(batches, *word, discover);

	batches->plane = plane;
	for (int i = 0; port == 0 && i < TRIES; i++)
		port = open_at(batches, 0, discover);
	if (port == 0)
		fail("a port for probes");
	prepare(&batches->v4, AF_INET);
	prepare(&batches->v6, AF_INET6);
	STORE(*word, port);
}

/* Options fit into the kernel's own room where they are no more than an address. */
static void put(struct batch *batch, uint32_t at, int level, int type, const void *value,
		size_t size)
{
	struct msghdr *header = &batch->messages[at].msg_hdr;
	struct cmsghdr *option;

	header->msg_controllen = CMSG_ALIGN(header->msg_controllen);
	option = (void *)(batch->options[at] + header->msg_controllen);
	option->cmsg_level = level;
	option->cmsg_type = type;
	option->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(option), value, size);
	header->msg_controllen += CMSG_LEN(size);
}

static void address4(struct batch *batch, uint32_t at, const struct ww_strand *strand, int class)
{
	struct in_pktinfo info = { 0 };

	/* The last four bytes of ::ffff:a.b.c.d. */
	memcpy(&info.ipi_spec_dst, strand->local + 12, 4);
	memcpy(&batch->to[at].v4.sin_addr, strand->remote + 12, 4);
	put(batch, at, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	if (at == 0 && class != batch->class)
		set(batch->fd, IPPROTO_IP, IP_TOS, batch->class = class);
	if (class != batch->class)
		put(batch, at, IPPROTO_IP, IP_TOS, &class, sizeof(class));
}

static void address6(struct batch *batch, uint32_t at, const struct ww_strand *strand, int class)
{
	struct in6_pktinfo info = { 0 };

	memcpy(&info.ipi6_addr, strand->local, 16);
	memcpy(&batch->to[at].v6.sin6_addr, strand->remote, 16);
	put(batch, at, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	if (at == 0 && class != batch->class)
		set(batch->fd, IPPROTO_IPV6, IPV6_TCLASS, batch->class = class);
	if (class != batch->class)
		put(batch, at, IPPROTO_IPV6, IPV6_TCLASS, &class, sizeof(class));
}

static void send_one_family(const struct batches *batches, struct batch *batch)
{
	bool again = false;

	for (uint32_t done = 0; done < batch->count;) {
		int sent = sendmmsg(batch->fd, batch->messages + done, batch->count - done, 0);

		if (sent > 0) {
			done += sent;
			again = false;
		} else if (!again) {
			/* What an earlier packet did may be told to this one. */
			again = true;
		} else {
			batches->failed(batches->plane, batch->strands[done++], errno);
			again = false;
		}
	}
	batch->count = 0;
}

void batches_add(struct batches *batches, const struct packet *packet)
{
	uint32_t strand = packet->strand, number = htobe32(packet->seq), at;
	const struct ww_strand *of = &batches->plane->strands[strand];
	const struct ww_probe *probe = &batches->plane->probes[strand];
	struct batch *batch = of->family == 6 ? &batches->v6 : &batches->v4;
	uint16_t port = htons(LOAD(batches->plane->control->stamp_port));
	uint16_t size = packet->size;

	if (batch->fd < 0) {
		batches->failed(batches->plane, strand, EAFNOSUPPORT);
		return;
	}
	if (batch->count == BATCH)
		send_one_family(batches, batch);
	at = batch->count++;
	batch->strands[at] = strand;
	batch->messages[at].msg_hdr.msg_controllen = 0;
	memcpy(batch->packets[at] + AT_SEQUENCE, &number, sizeof(number));
	memcpy(batch->packets[at] + AT_STAMP, &packet->stamp, sizeof(packet->stamp));
	batch->parts[at][1].iov_len = size > STAMP_BYTES ? size - STAMP_BYTES : 0;
	batch->messages[at].msg_hdr.msg_iovlen = size > STAMP_BYTES ? 2 : 1;
	if (of->family == 6) {
		batch->to[at].v6.sin6_port = port;
		address6(batch, at, of, probe->dscp << 2);
	} else {
		batch->to[at].v4.sin_port = port;
		address4(batch, at, of, probe->dscp << 2);
	}
}

void batches_send(struct batches *batches)
{
	send_one_family(batches, &batches->v4);
	send_one_family(batches, &batches->v6);
}
