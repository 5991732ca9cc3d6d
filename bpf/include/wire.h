/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * What the data plane's programs and user space share: the pinned maps' keys
 * and values, drop reasons, limits. `bpf/loader/layout.ts` says the same in
 * TypeScript; a test compares both by BTF. Whoever changes a layout raises
 * WW_LAYOUT: a forwarder that finds another number does not adopt the pins.
 * Parts of it are in followed.h, names.h, record.h, probe.h and tables.h.
 *
 * Addresses are 16 bytes, IPv4 as ::ffff:a.b.c.d; ports are in network byte
 * order; everything else in the host's.
 */
#ifndef WANWIRE_WIRE_H
#define WANWIRE_WIRE_H

#include <linux/types.h>

#define WW_LAYOUT 3

/* How much there can be; the loader may lower or raise what is no index below. */
enum {
	WW_WIRES = 4096, /* wire 0 is none: what cannot be told to a wire is counted there */
	WW_STRANDS = 1024, /* strand 0 is none */
	WW_POLICIES = 16, /* rule sets in force at once: one per service */
	WW_RULES = 1024, /* of one rule set; the last stands for its default class */
	WW_WORDS = WW_RULES / 64,
	WW_LEVELS = 6, /* a class's own links, its fallbacks, the last resort */
	WW_SLOTS = 64, /* of one level: weights as numbers of slots */
	WW_SESSIONS = 1 << 18, /* of each family */
};

/* Two banks of tables: generation & 1 is in force, the other is being written. */
#define WW_BANK(generation) ((generation)&1)
/* Row of a rule set in `rulesets`; times 1024 or 320 in `rules`, `rule_stats` and `exact`. */
#define WW_RULESET(bank, policy) ((bank)*WW_POLICIES + (policy))
/* How many rows there are, of both banks. */
#define WW_ROWS (2 * WW_POLICIES)
/* `class_id` and `rule` of a session that was never compared with rules: the peer chose its strand, or a pin. */
#define WW_NONE 0xffff

/* Map `control`, one entry, mmap-able: user space stores each word by itself. */
struct ww_control {
	__u32 layout; /* WW_LAYOUT */
	__u32 generation; /* from 1; 0 means that nothing is in force yet */
	__u32 pins; /* how many there are: with none the map is not asked */
	__u32 insert_rate; /* new cached sessions per second and wire; 0 is no limit */
	__u32 events; /* enum ww_events: what of sessions somebody wants to hear */
	__u32 stamp_port; /* UDP, of every node's reflectors; 0: nothing is reflected */
	__u32 probe_port; /* UDP, that this node's probes come from; 0: there is no prober */
	__u32 prober_pid; /* these two are the prober's words too */
	__u32 prober_version; /* WW_PROBER */
	__u32 large_port; /* as probe_port; of its large probes */
};

/* Map `ports`: ifindex of a wire's host end -> number of the wire (__u32). */
/*
 * Map `hints`, an array by the ifindex's lowest bits; the programs' own: which
 * wire was found last. It holds where that wire says that this is its port.
 */

enum ww_wire_flags {
	WW_WIRE_USED = 1,
	WW_WIRE_LEADER = 2, /* this side chooses the strand, the other one follows */
	WW_WIRE_PEER =
		4, /* the target is reached by redirect_peer, else by redirect to its ingress */
	WW_WIRE_ETHERNET = 8, /* every frame as it is; else IP only, with MACs put right */
};

/* Map `wires`, an array. A changed wire gets a new number; only `flags` is stored into. */
struct ww_wire {
	__u32 flags;
	__u32 port; /* ifindex of the host end */
	__u32 target; /* for redirect_peer: the host end again; else the interface itself */
	__u32 vni;
	__u32 peer;
	__u16 policy; /* which rule set */
	__u16 mtu; /* of the wire: larger packets are answered "too big" */
	__u8 target_mac[6]; /* of the interface that frames are delivered to */
	__u8 port_mac[6]; /* of the host end */
	__u32 pad;
};

enum ww_down {
	WW_DOWN_CARRIER = 1, /* the link's device is down, or is gone */
	WW_DOWN_OPERATOR = 2,
	WW_DOWN_ADDRESS = 4, /* the link has no address, or the peer does not list the other end */
	WW_DOWN_MTU = 8, /* too small for its wires */
};

/*
 * Map `strands`, an array, mmap-able: `down`, `silent` and `avoid` are stored each by itself.
 * Other addresses get another number. It is usable when it is neither down nor silent.
 */
struct ww_strand {
	__u8 local[16], remote[16];
	__u32 down; /* enum ww_down; the forwarder's word */
	__u32 device; /* ifindex of the VXLAN device */
	__u32 peer;
	__u16 link;
	__u16 mtu; /* the largest inner packet */
	__u8 family; /* 4 or 6, of the outer packet */
	__u8 pad[3];
	__u32 silent; /* 1 while no probe is answered; the prober's word */
	__u32 avoid; /* bit 0: held back from everybody; bit n: it breaks SLA number n */
	__u32 pad2;
};

/* Map `paths`: outer addresses of a received frame -> whose strand that is. */
struct ww_path {
	__u8 local[16], remote[16];
};

struct ww_path_of {
	__u32 strand, peer;
};

/* Map `tunnels`: {VNI, peer} -> number of the wire (__u32). */
struct ww_tunnel {
	__u32 vni, peer;
};

/* Map `sessions4`, as this node sends it: a received packet is looked for in reverse. */
struct ww_flow4 {
	__u32 wire;
	__u32 source, destination;
	__u16 source_port; /* ICMP echo: its id in both; no ports: 0 */
	__u16 destination_port;
	__u8 protocol;
	__u8 pad[3];
};

/* Map `sessions6`, and `pins` of either family. */
struct ww_flow {
	__u32 wire;
	__u8 source[16], destination[16];
	__u16 source_port, destination_port;
	__u8 protocol;
	__u8 pad[3];
};

#define WW_ANY_DSCP 255

enum ww_session_flags {
	WW_SESSION_PINNED = 1,
	WW_SESSION_LEARNED = 2, /* the strand is the one the leader sent on */
	WW_SESSION_FRAGMENT = 4, /* a fragment whose first one was not seen */
	WW_SESSION_FIN_OUT = 8, /* TCP: this node sent a FIN */
	WW_SESSION_FIN_IN = 16, /* TCP: the other one did; both: it is closed */
	WW_SESSION_RESET = 32, /* TCP: closed at once */
};

/* `sla` of a session that follows its peer or a pin. */
#define WW_STAYS 255
/* `slice` is the time in units of 2^27 ns, some 134 ms: bits 27 to 58 of CLOCK_MONOTONIC. */
#define WW_SLICE 27

#define WW_SESSION_ENDS (WW_SESSION_FIN_OUT | WW_SESSION_FIN_IN | WW_SESSION_RESET)

/* The first eight bytes are stored at once: no strand is seen with another's generation. */
struct ww_session {
	__u32 generation;
	__u16 strand;
	__u16 class_id; /* or WW_NONE */
	__u16 rule; /* index, WW_RULES - 1 for the default class, or WW_NONE */
	__u8 mark; /* DSCP of the outer packet; 255 is the inner one's */
	__u8 flags;
	__u16 moves; /* how often it changed its strand */
	__u8 dscp; /* that it was decided for; WW_ANY_DSCP where no rule asks for it */
	__u8 sla; /* its class's; WW_STAYS where a strand that is avoided is not left */
	__u16 home; /* the strand that its hash names first, were all well; 0: none */
	__u16 pad;
	__u32 slice; /* of time, in which it looked for something better than its strand, in vain */
	__u64 tx_packets;
	__u64 tx_bytes; /* of inner IP packets */
	__u64 rx_packets, rx_bytes;
	__u64 last_ns; /* CLOCK_MONOTONIC, coarse */
};

/* Map `pins`, by struct ww_flow. */
struct ww_pin {
	__u16 strand, pad;
};

/* Maps `fragments4` and `fragments6`: the ports of a fragmented packet whose first fragment was seen. */
struct ww_fragment4 {
	__u32 wire;
	__u32 source, destination;
	__u16 id;
	__u8 protocol;
	__u8 pad;
};

struct ww_fragment6 {
	__u32 wire;
	__u8 source[16], destination[16];
	__u32 id;
};

struct ww_ports {
	__u16 source, destination;
	__u8 protocol; /* IPv6: later fragments do not have it where a header stands before it */
	__u8 pad[3];
};

/* Why a packet went no further. */
enum ww_drop {
	WW_DROP_NO_WIRE, /* the interface, or the VNI from that peer, is no wire's */
	WW_DROP_NOT_SOURCE, /* the outer addresses are no strand's */
	WW_DROP_NOT_IP, /* ARP on a wire for IP */
	WW_DROP_MALFORMED, /* headers that do not hold together */
	WW_DROP_NO_STRAND, /* no usable strand that the class permits */
	WW_DROP_NO_POLICY, /* no tables yet for the wire's rule set or class */
	WW_DROP_TOO_BIG, /* and its sender was told, where it could be */
	WW_DROP_TUNNEL, /* the strand has no addresses, or the kernel would not take them */
	WW_DROPS,
};

/* Map `wire_stats`, per CPU. */
struct ww_wire_stats {
	__u64 tx_packets, tx_bytes;
	__u64 rx_packets, rx_bytes;
	__u64 uncached; /* steered without a cached session: above the insert rate, or the map was full */
	__u64 fragments; /* steered by L3 fields alone */
	__u64 drops[WW_DROPS];
};

/* Maps `strand_stats` and `rule_stats` (tx only; by the row of `rules`), per CPU. */
struct ww_stats {
	__u64 tx_packets, tx_bytes;
	__u64 rx_packets, rx_bytes;
};

/*
 * Map `limits`, the insert rate's bucket of each wire, which holds one second's
 * worth; the programs' own. As one word, so that one compare-and-swap takes a token.
 */
struct ww_limit {
	__u64 full_ns; /* when it is full again; CLOCK_MONOTONIC, coarse */
};

#include "followed.h"
#include "names.h"
#include "probe.h"
#include "record.h"
#include "tables.h"

#endif
