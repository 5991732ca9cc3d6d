/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* How fast sessions come back to a strand that is well again: not all at once. */
#ifndef WANWIRE_PACE_H
#define WANWIRE_PACE_H

#include "choose.h"

#define SECOND 1000000000ULL
/* What may be made up for: the clock is coarse, and packets do not come when a session may. */
#define CATCH_UP (SECOND / 16)

/* Take a token of the strand's bucket. */
static __always_inline bool may_return(__u32 strand)
{
	struct ww_probe *probe = bpf_map_lookup_elem(&probes, &strand);
	struct ww_quality *of = bpf_map_lookup_elem(&quality, &strand);
	__u64 now, next, start;
	__u32 rate;

	if (!probe || !of)
		return false;
	rate = *(volatile __u32 *)&probe->return_rate;
	if (!rate)
		return true;
	now = bpf_ktime_get_coarse_ns();
	next = *(volatile __u64 *)&of->return_ns;
	if (next > now)
		return false;
	start = next > now - CATCH_UP ? next : now - CATCH_UP;
	return __sync_val_compare_and_swap(&of->return_ns, next, start + SECOND / rate) == next;
}

/* Whether the session, which is on `strand`, may come home now. */
static __always_inline bool may_go_home(struct ww_session *s, __u32 strand, __u32 peer)
{
	__u32 to = s->home;
	struct ww_strand *home;

	if (to == strand)
		return false;
	home = usable(to, peer);
	return home && !(home->avoid & heeds(s->sla)) && may_return(to);
}

#endif
