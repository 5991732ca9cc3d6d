/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* Tells user space what happens to cached sessions, while somebody wants to hear it. */
#ifndef WANWIRE_EVENTS_H
#define WANWIRE_EVENTS_H

#include "packet.h"

/* Out of line, and with the record as an argument: so BTF knows its layout. */
static __noinline void submit(struct ww_event *event)
{
	struct ww_lost *count;
	__u32 zero = 0;

	if (!bpf_ringbuf_output(&events, event, sizeof(*event), 0))
		return;
	count = bpf_map_lookup_elem(&lost, &zero);
	if (count)
		__sync_fetch_and_add(&count->counted, 1);
}

/* After the session was written: who begins to listen finds it in its map, or hears of it. */
APART int tell(struct packet *p, struct ww_session *s, __u32 kind, __u32 from, const int family)
{
	struct ww_event event = {};
	struct ww_control *c;
	struct ww_wire *wire;
	__u32 zero = 0, wanted;

	c = bpf_map_lookup_elem(&control, &zero);
	if (!p || !s || !c)
		return 0;
	wanted = *(volatile __u32 *)&c->events;
	if (!wanted || (wanted == WW_EVENTS_MOVES && kind != WW_EVENT_MOVE))
		return 0;
	event.at_ns = bpf_ktime_get_ns();
	event.wire = p->four.wire;
	wire = bpf_map_lookup_elem(&wires, &event.wire);
	event.policy = wire ? wire->policy : 0;
	if (family == 4) {
		event.source[10] = event.source[11] = 0xff;
		event.destination[10] = event.destination[11] = 0xff;
		__builtin_memcpy(event.source + 12, &p->four.source, 4);
		__builtin_memcpy(event.destination + 12, &p->four.destination, 4);
	} else
		__builtin_memcpy(event.source, p->six.source, 32);
	event.source_port = FLOW(p, family, source_port);
	event.destination_port = FLOW(p, family, destination_port);
	event.protocol = FLOW(p, family, protocol);
	event.generation = s->generation;
	event.strand = s->strand;
	event.from = from;
	event.class_id = s->class_id;
	event.rule = s->rule;
	event.flags = s->flags;
	event.kind = kind;
	submit(&event);
	return 0;
}

#endif
