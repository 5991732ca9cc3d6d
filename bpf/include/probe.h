/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * A part of wire.h: what the forwarder, the prober and the programs tell each
 * other about probes. Probes are STAMP (RFC 8762, unauthenticated, the
 * reflector stateful), plain UDP packets from a strand's local address and
 * control.probe_port to its remote one and control.stamp_port.
 *
 * All these maps are arrays and mmap-able. Every word has one writer. Times are
 * CLOCK_MONOTONIC in ns.
 */
#ifndef WANWIRE_PROBE_H
#define WANWIRE_PROBE_H

#include <linux/types.h>

/* What a prober that runs must be; it stores it into `control`. */
#define WW_PROBER 1
/* The port that RFC 8762 has for reflectors. */
#define WW_STAMP_PORT 862

enum {
	WW_SENT = 256, /* how many probes of a strand are remembered */
	WW_STAMP = 44, /* bytes of a probe at least, behind UDP's header */
};

enum ww_probe_flags {
	WW_PROBE_JUDGE = 1, /* the strand may be found silent */
};

/* Map `probes`, by strand: what the forwarder asks the prober to do. */
struct ww_probe {
	__u32 interval_us; /* 0: not probed */
	__u32 detect_us; /* how long nothing may be answered, beyond srtt + 4 rttvar */
	__u32 return_rate; /* sessions a second that come home to the strand; 0: no limit */
	__u32 flags; /* enum ww_probe_flags */
	__u8 dscp;
	__u8 pad;
	__u16 size; /* of the UDP payload; WW_STAMP or more */
	__u32 large; /* of a large probe that is wished for: size of the UDP payload << 16 | its number */
};

/*
 * Map `quality`, by strand; all is zero until the first probe. Counters only grow,
 * but for lost_out and lost_back: each falls by one as an answer comes that was overtaken.
 */
struct ww_quality {
	/* The prober's. */
	__u64 sent_ns; /* the newest probe */
	__u64 changed_ns; /* when `silent` of the strand changed last */
	__u64 sent; /* probes, those that failed too */
	__u64 failed; /* of them: could not be sent */
	__u64 judged; /* of them: their time has passed */
	__u64 lost; /* of these: without an answer by then */
	__u32 seq; /* of the newest probe; each strand's own, from 1 */
	__u32 silences; /* how often it fell silent */
	/* The programs'. */
	__u64 answered_ns; /* when the newest probe that is answered was sent */
	__u64 heard_ns; /* when the peer's last probe came by it */
	__u64 received; /* answers to probes, late ones too */
	__u64 late; /* of them: to probes that were judged lost already */
	__u64 rtt_sum_ns;
	__u64 jitter_sum_ns; /* of |RTT - the one before| */
	__u64 lost_out; /* before the newest answered probe: that the peer never got */
	__u64 lost_back; /* the same: that it answered, and no answer came */
	__u64 forged; /* answers to nothing that was sent, or the second to the same */
	__u64 reflected; /* probes of the peer's that were answered */
	__u32 srtt_ns, rttvar_ns; /* RFC 6298 */
	__u32 rtt_ns; /* the last */
	__u32 seen_seq; /* of the newest probe that is answered */
	__u32 seen_reflected; /* the reflector's own number in that answer */
	__u32 pad;
	__u64 return_ns; /* when the next session may come home; coarse */
};

enum ww_sent_state {
	WW_SENT_EMPTY,
	WW_SENT_UNDER_WAY,
	WW_SENT_ANSWERED,
	WW_SENT_LOST, /* judged so */
	WW_SENT_LATE, /* judged lost, and then answered */
};

/*
 * Map `sent`, by strand * WW_SENT + seq % WW_SENT: the probes that an answer may
 * fit. The prober writes it before it sends, `state` last; the programs store
 * sent_ns as the packet leaves, and the state that follows upon an answer.
 */
struct ww_sent {
	__u64 stamp; /* the probe's timestamp as in the packet: NTP's, network byte order */
	__u64 sent_ns;
	__u32 seq;
	__u32 state; /* enum ww_sent_state */
};

/*
 * Map `large`, by strand: the newest large probe, which asks whether its size passes and
 * is in no other figure. Sent once whenever `large` of ww_probe is another word than
 * before, from a port of its own, never fragmented. Bytes are of IP packets.
 */
struct ww_large {
	/* The prober's, but for an answered one's state; that is stored last. */
	__u64 stamp; /* as ww_sent has it */
	__u64 sent_ns;
	__u32 seq; /* the number of the wish */
	__u32 state; /* enum ww_sent_state; WW_SENT_LOST: it could not be sent */
	__u32 error; /* errno of that; EMSGSIZE: the kernel knows that it does not fit */
	__u32 pad;
	__u64 tx_bytes; /* of all large probes */
	/* The programs'. */
	__u64 rx_bytes; /* of their answers */
	__u64 reflected_bytes; /* of the peer's: what each had beyond a usual probe */
};

/* Map `senders`, the programs' own: how many probes of a sender's were answered (__u32). */
struct ww_sender {
	__u32 strand;
	__u16 port;
	__u16 pad;
};

#endif
