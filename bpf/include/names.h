/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* A part of wire.h: what the numbers in the maps mean, in words. No program reads it. */
#ifndef WANWIRE_NAMES_H
#define WANWIRE_NAMES_H

#include <linux/types.h>

enum {
	WW_NAME = 256,
};

/* Map `names`: what numbers mean, as JSON, for whoever reads while no forwarder runs. */
enum ww_kind {
	WW_KIND_LINK,
	WW_KIND_PEER,
	WW_KIND_STRAND,
	WW_KIND_WIRE,
	WW_KIND_RULESET, /* WW_RULESET */
	WW_KIND_CLASS, /* WW_RULESET << 16 | class */
	WW_KIND_RULE, /* the row of `rules` */
	WW_KIND_NODE, /* 0: the forwarder itself */
};

struct ww_name_of {
	__u32 kind, id;
};

struct ww_name {
	char text[WW_NAME]; /* ends with zeros */
};

#endif
