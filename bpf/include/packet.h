/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * What is known of a frame: the flow it belongs to, as a key of the session
 * maps, what else a decision asks for, and what has been decided.
 */
#ifndef WANWIRE_PACKET_H
#define WANWIRE_PACKET_H

#include <stdbool.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <bpf/bpf_endian.h>
#include "maps.h"

/*
 * Off the fast path, and global: the verifier looks at it once, not once for
 * every way that leads there. To it, any pointer may be NULL.
 */
#define APART __noinline

/* Go on to whoever stands after us at this hook: TCX_NEXT, TC_ACT_UNSPEC. */
#define PASS -1

enum packet_is {
	HAS_PORTS = 1, /* real ones, that rules may ask for */
	FIRST = 2, /* the first of several fragments */
	LATER = 4, /* one of the others */
	ORPHAN = 8, /* of which the first has not been seen: nothing is known of its ports */
	FOREIGN = 16, /* no IP: on a wire for Ethernet */
	AWAY = 32, /* of a session that is not at home, and looks around */
};

/* Flags of TCP's header. */
enum tcp {
	TCP_FIN = 1,
	TCP_SYN = 2,
	TCP_RST = 4,
	TCP_ACK = 16,
	TCP_ENDS = TCP_FIN | TCP_RST,
};
/* Where they are in it. */
#define TCP_FLAGS 13

struct packet {
	union {
		struct ww_flow4 four;
		struct ww_flow six;
	};
	__u32 length; /* of the IP packet */
	__u32 l4; /* where L4's header begins in the frame */
	__u32 fragment; /* its identification */
	__u8 tos;
	__u8 is;
	/* What has been decided. */
	__u8 mark;
	__u8 dscp; /* that the decision depends on, or WW_ANY_DSCP */
	__u16 class_id;
	__u16 rule;
	__u32 pin;
	__u32 generation;
	__u32 tcp; /* enum tcp, as its header has them */
	__u16 home;
	__u16 sla;
};

static __always_inline bool is_ip(struct __sk_buff *skb, __u16 type)
{
	return skb->protocol == bpf_htons(type) && !skb->vlan_present;
}

#define FLOW(p, family, field) (*((family) == 4 ? &(p)->four.field : &(p)->six.field))
#define ADDRESS(p, family, field)                                                                  \
	((family) == 4 ? (void *)&(p)->four.field : (void *)&(p)->six.field)

/* The same flow, as the other side sends it. */
static __always_inline void reverse(struct packet *p, const int family)
{
	__u16 port = FLOW(p, family, source_port);

	FLOW(p, family, source_port) = FLOW(p, family, destination_port);
	FLOW(p, family, destination_port) = port;
	if (family == 4) {
		__u32 source = p->four.source;

		p->four.source = p->four.destination;
		p->four.destination = source;
	} else {
		__u64 address[4];

		__builtin_memcpy(address, p->six.source, 32);
		__builtin_memcpy(p->six.source, address + 2, 16);
		__builtin_memcpy(p->six.destination, address, 16);
	}
}

#endif
