/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* A part of wire.h: what user space is told of cached sessions. */
#ifndef WANWIRE_RECORD_H
#define WANWIRE_RECORD_H

#include <linux/types.h>

enum {
	WW_EVENTS = 1 << 20, /* bytes of records that wait to be read */
};

/* The word `events` of `control`. A program that does not know WW_EVENTS_MOVES tells all. */
enum ww_events {
	WW_EVENTS_NONE,
	WW_EVENTS_ALL,
	WW_EVENTS_MOVES, /* to count them costs nothing while nothing moves */
};

enum ww_event_kind {
	WW_EVENT_CREATE = 1,
	WW_EVENT_MOVE,
	WW_EVENT_CLOSE,
};

/* Ring buffer `events`: what happened to a cached session. The forwarder alone takes them out. */
struct ww_event {
	__u64 at_ns; /* CLOCK_MONOTONIC */
	__u32 generation;
	__u32 wire;
	__u8 source[16], destination[16];
	__u16 source_port, destination_port;
	__u8 protocol;
	__u8 kind; /* enum ww_event_kind */
	__u8 flags; /* of the session */
	__u8 pad;
	__u16 strand;
	__u16 from; /* of a move: the strand before */
	__u16 class_id;
	__u16 rule;
	__u16 policy; /* of the wire */
	__u8 pad2[6];
};

/* Map `lost`, one entry, mmap-able: records for which the ring buffer had no room. */
struct ww_lost {
	__u32 counted; /* by the programs */
	__u32 told; /* by user space: of how many readers know */
};

#endif
