/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Where TCP connections begin and end. A session stays cached after its
 * connection's end, for what comes late; the next connection with the same
 * ports inherits nothing of it.
 */
#ifndef WANWIRE_CONNECTION_H
#define WANWIRE_CONNECTION_H

#include "session.h"

static __always_inline bool is_closed(__u8 flags)
{
	return flags & WW_SESSION_RESET || (flags & (WW_SESSION_FIN_OUT | WW_SESSION_FIN_IN)) ==
						   (WW_SESSION_FIN_OUT | WW_SESSION_FIN_IN);
}

/* A SYN on a session of which one side at least has said that it is over: forget that one. */
APART int begins(struct packet *p, const int family)
{
	struct ww_session *s;

	if (!p || (p->tcp & (TCP_SYN | TCP_ACK | TCP_ENDS)) != TCP_SYN)
		return 0;
	s = session_of(p, family);
	if (!s || !(s->flags & WW_SESSION_ENDS))
		return 0;
	if (family == 4)
		bpf_map_delete_elem(&sessions4, &p->four);
	else
		bpf_map_delete_elem(&sessions6, &p->six);
	return 1;
}

/* The word of a session that holds its flags: ends are added to it from several CPUs at once. */
union word {
	__u32 all;
	struct {
		__u16 rule;
		__u8 mark;
		__u8 flags;
	};
};
_Static_assert(__builtin_offsetof(struct ww_session, rule) % 4 == 0 &&
		       __builtin_offsetof(struct ww_session, flags) ==
			       __builtin_offsetof(struct ww_session, rule) + 3,
	       "the flags are where they are in union word");

/* A FIN, which is `fin`, or a RST. The one that closes the session tells so. */
APART int ended(struct packet *p, __u32 fin, const int family)
{
	union word before, end = {};
	struct ww_session *s;

	if (!p)
		return 0;
	s = session_of(p, family);
	if (!s)
		return 0;
	end.flags = p->tcp & TCP_RST ? WW_SESSION_RESET : fin;
	before.all = __sync_fetch_and_or((__u32 *)&s->rule, end.all);
	if (!is_closed(before.flags) && is_closed(before.flags | end.flags))
		tell(p, s, WW_EVENT_CLOSE, 0, family);
	return 0;
}

#endif
