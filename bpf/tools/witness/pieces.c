// SPDX-License-Identifier: Apache-2.0
#include "pieces.h"

#include <netinet/in.h>
#include <string.h>

#define ETHER_LENGTH 14
#define UDP_LENGTH 8
#define VXLAN_LENGTH 8
#define IPV6_LENGTH 40
#define FRAGMENT_LENGTH 8
/* Of VLAN tags, IPv6 headers, and tunnels in tunnels. */
#define DEPTH_MOST 8

static bool of_frame(const uint8_t *at, size_t length, struct piece *piece, int depth);

static uint16_t get16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool set(struct piece *piece, uint8_t protocol, uint32_t start, const uint8_t *bytes,
		size_t length)
{
	piece->key.protocol = protocol;
	piece->start = start;
	piece->bytes = bytes;
	piece->length = length;
	return length > 0;
}

static bool of_tcp(const uint8_t *at, size_t length, struct piece *piece)
{
	size_t header = length < 20 ? 0 : (at[12] >> 4) * 4;

	if (header < 20 || header > length)
		return false;
	memcpy(piece->key.ends, at, 4);
	return set(piece, IPPROTO_TCP, get32(at + 4), at + header, length - header);
}

/* A datagram is whole by itself; only what is in a tunnel may be a piece. */
static bool of_udp(const uint8_t *at, size_t length, struct piece *piece, int depth)
{
	const uint8_t *vxlan = at + UDP_LENGTH;
	size_t before = UDP_LENGTH + VXLAN_LENGTH;

	/* The flag that there is a number, and what has to be zero. */
	if (length < before || vxlan[0] != 8 || vxlan[7] != 0 || (get32(vxlan) & 0xffffff) != 0)
		return false;
	return of_frame(at + before, length - before, piece, depth + 1);
}

static bool of_rest(uint8_t protocol, const uint8_t *at, size_t length, struct piece *piece,
		    int depth)
{
	if (protocol == IPPROTO_TCP)
		return of_tcp(at, length, piece);
	return protocol == IPPROTO_UDP && of_udp(at, length, piece, depth);
}

static bool of_ipv4(const uint8_t *at, size_t length, struct piece *piece, int depth)
{
	size_t header = length < 20 ? 0 : (at[0] & 15) * 4, whole;
	uint16_t fragment;

	if (header < 20 || header > length)
		return false;
	/* 0 where it is more than 16 bits can say: then it is all there is. */
	whole = get16(at + 2);
	if (whole != 0 && whole < header)
		return false;
	if (whole != 0)
		length = least(length, whole);
	memcpy(piece->key.source + 12, at + 12, 4);
	memcpy(piece->key.destination + 12, at + 16, 4);
	fragment = get16(at + 6) & 0x3fff;
	if (fragment != 0) {
		piece->key.fragment = 1;
		memcpy(piece->key.ends + 2, at + 4, 2);
		return set(piece, at[9], (fragment & 0x1fff) * 8, at + header, length - header);
	}
	return of_rest(at[9], at + header, length - header, piece, depth);
}

static bool of_ipv6(const uint8_t *at, size_t length, struct piece *piece, int depth)
{
	size_t whole = length < IPV6_LENGTH ? 0 : get16(at + 4);
	uint8_t next;

	if (length < IPV6_LENGTH)
		return false;
	next = at[6];
	memcpy(piece->key.source, at + 8, 16);
	memcpy(piece->key.destination, at + 24, 16);
	at += IPV6_LENGTH;
	length -= IPV6_LENGTH;
	if (whole != 0)
		length = least(length, whole);
	for (int n = 0; n < DEPTH_MOST && length >= 8; n++) {
		size_t header = (at[1] + 1) * 8;

		if (next == IPPROTO_FRAGMENT) {
			piece->key.fragment = 1;
			memcpy(piece->key.ends, at + 4, 4);
			return set(piece, at[0], get16(at + 2) & 0xfff8, at + FRAGMENT_LENGTH,
				   length - FRAGMENT_LENGTH);
		}
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS)
			return of_rest(next, at, length, piece, depth);
		if (header > length)
			return false;
		next = at[0];
		at += header;
		length -= header;
	}
	return false;
}

static bool of_packet(const uint8_t *at, size_t length, struct piece *piece, int depth)
{
	uint8_t direction = piece->key.direction;

	memset(&piece->key, 0, sizeof(piece->key));
	piece->key.direction = direction;
	if (length == 0 || depth > DEPTH_MOST)
		return false;
	if (at[0] >> 4 == 4)
		return of_ipv4(at, length, piece, depth);
	return at[0] >> 4 == 6 && of_ipv6(at, length, piece, depth);
}

static bool of_frame(const uint8_t *at, size_t length, struct piece *piece, int depth)
{
	size_t header = ETHER_LENGTH;
	uint16_t type;

	if (length < header)
		return false;
	type = get16(at + 12);
	while ((type == 0x8100 || type == 0x88a8) && length >= header + 4) {
		type = get16(at + header + 2);
		header += 4;
	}
	if (type != 0x0800 && type != 0x86dd)
		return false;
	return of_packet(at + header, length - header, piece, depth);
}

bool piece_of_frame(const uint8_t *frame, size_t length, struct piece *piece)
{
	return of_frame(frame, length, piece, 0);
}

bool piece_of_packet(const uint8_t *packet, size_t length, struct piece *piece)
{
	return of_packet(packet, length, piece, 0);
}
