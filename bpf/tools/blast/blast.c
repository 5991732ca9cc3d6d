/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blast - send small UDP packets of many sessions as fast as can be, and say
 * what they cost: everything up to the sink runs in this process's time, as
 * veth hands packets on in the sender's softirq.
 *
 * Usage: blast DEVICE DESTINATION-MAC SOURCE-IP DESTINATION-IP SESSIONS PACKETS [FIRST [RATE]]
 * A session is a source port (up to 50000) and, beyond that, a destination
 * port; FIRST is the number of the first one. RATE is in packets a second, as
 * fast as can be where it is 0. Prints one line of JSON:
 * {"packets": N, "cpu_ns": N, "wall_ns": N}
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { batch = 64, payload = 22, ports = 50000 };

struct frame {
	struct ether_header ether;
	struct iphdr ip;
	struct udphdr udp;
	uint8_t payload[payload];
} __attribute__((packed));

static int die(const char *what)
{
	fprintf(stderr, "blast: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static void wait_until(uint64_t when)
{
	struct timespec time = { .tv_sec = when / 1000000000ull, .tv_nsec = when % 1000000000ull };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

static uint16_t checksum(const void *data, size_t length)
{
	const uint16_t *word = data;
	uint32_t sum = 0;

	for (size_t at = 0; at < length / 2; at++)
		sum += word[at];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static int open_device(const char *name, uint8_t mac[6])
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP) };
	struct ifreq request = { 0 };
	int fd = socket(AF_PACKET, SOCK_RAW, 0), one = 1;

	if (fd < 0)
		die("socket");
	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
		die(name);
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	address.sll_ifindex = if_nametoindex(name);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die("bind");
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	return fd;
}

static void fill(struct frame *frame, char **argv, const uint8_t source[6])
{
	memset(frame, 0, sizeof(*frame));
	if (sscanf(argv[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &frame->ether.ether_dhost[0],
		   &frame->ether.ether_dhost[1], &frame->ether.ether_dhost[2],
		   &frame->ether.ether_dhost[3], &frame->ether.ether_dhost[4],
		   &frame->ether.ether_dhost[5]) != 6)
		die("DESTINATION-MAC");
	memcpy(frame->ether.ether_shost, source, 6);
	frame->ether.ether_type = htons(ETH_P_IP);
	frame->ip.version = 4;
	frame->ip.ihl = 5;
	frame->ip.ttl = 64;
	frame->ip.protocol = IPPROTO_UDP;
	frame->ip.tot_len = htons(sizeof(*frame) - sizeof(frame->ether));
	if (inet_pton(AF_INET, argv[3], &frame->ip.saddr) != 1)
		die("SOURCE-IP");
	if (inet_pton(AF_INET, argv[4], &frame->ip.daddr) != 1)
		die("DESTINATION-IP");
	frame->ip.check = checksum(&frame->ip, sizeof(frame->ip));
	/* The UDP checksum is left out, as IPv4 allows (RFC 768). */
	frame->udp.len = htons(sizeof(frame->udp) + payload);
}

static void set_session(struct frame *frame, uint64_t number)
{
	frame->udp.source = htons(10000 + number % ports);
	frame->udp.dest = htons(5000 + number / ports);
}

int main(int argc, char **argv)
{
	static struct frame frames[batch];
	struct mmsghdr messages[batch] = { 0 };
	struct iovec parts[batch];
	uint64_t sessions, packets, first, rate, sent = 0, cpu, wall;
	uint8_t mac[6];
	int fd;

	if (argc < 7) {
		fprintf(stderr, "usage: blast DEVICE DESTINATION-MAC SOURCE-IP DESTINATION-IP "
				"SESSIONS PACKETS [FIRST [RATE]]\n");
		return 2;
	}
	fd = open_device(argv[1], mac);
	sessions = strtoull(argv[5], NULL, 10);
	packets = strtoull(argv[6], NULL, 10);
	first = argc > 7 ? strtoull(argv[7], NULL, 10) : 0;
	rate = argc > 8 ? strtoull(argv[8], NULL, 10) : 0;
	if (sessions == 0 || packets == 0)
		return 2;
	for (int at = 0; at < batch; at++) {
		fill(&frames[at], argv, mac);
		parts[at] =
			(struct iovec){ .iov_base = &frames[at], .iov_len = sizeof(frames[at]) };
		messages[at].msg_hdr.msg_iov = &parts[at];
		messages[at].msg_hdr.msg_iovlen = 1;
	}
	cpu = now(CLOCK_PROCESS_CPUTIME_ID);
	wall = now(CLOCK_MONOTONIC);
	while (sent < packets) {
		int count = packets - sent < batch ? packets - sent : batch;

		for (int at = 0; at < count; at++)
			set_session(&frames[at], first + (sent + at) % sessions);
		count = sendmmsg(fd, messages, count, 0);
		if (count < 0 && errno != ENOBUFS && errno != EAGAIN)
			die("sendmmsg");
		if (count > 0)
			sent += count;
		if (rate > 0)
			wait_until(wall + sent * 1000000000ull / rate);
	}
	printf("{\"packets\": %llu, \"cpu_ns\": %llu, \"wall_ns\": %llu}\n",
	       (unsigned long long)sent, (unsigned long long)(now(CLOCK_PROCESS_CPUTIME_ID) - cpu),
	       (unsigned long long)(now(CLOCK_MONOTONIC) - wall));
	close(fd);
	return 0;
}
