/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Reads a frame's headers. Nothing is believed that lies beyond the packet's own
 * end; what does not hold together is refused. Each family has a short way for
 * what nearly all packets are (usual.h), and one for anything.
 */
#ifndef WANWIRE_PARSE_H
#define WANWIRE_PARSE_H

#include "usual.h"

/* Headers that may stand between IPv6's own and L4's; all numbers are below 64. */
#define IS_EXTENSION(next)                                                                         \
	((next) < 64 && (1ULL << (next) & (1ULL << IPPROTO_HOPOPTS | 1ULL << IPPROTO_ROUTING |     \
					   1ULL << IPPROTO_FRAGMENT | 1ULL << IPPROTO_AH |         \
					   1ULL << IPPROTO_DSTOPTS)))
#define MOST_EXTENSIONS 8

/* How long L4's header is at least; 0 where it has nothing that we read. */
static __always_inline __u32 least_header(__u8 protocol, const int family)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return 20;
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		return 12;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		return 8;
	default:
		return protocol == (family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6) ? 8 : 0;
	}
}

static __always_inline bool is_echo(__u8 type, const int family)
{
	return family == 4 ? type == 0 || type == 8 : type == 128 || type == 129;
}

/* L4's header at p->l4, with `room` bytes to the packet's end. */
static __always_inline bool parse_l4(struct __sk_buff *skb, struct packet *p, __u32 room,
				     const int family)
{
	__u8 protocol = FLOW(p, family, protocol);
	__u32 least = least_header(protocol, family);
	union {
		__u8 type;
		__u16 half[4];
	} head;
	__u8 flags;

	if (!least)
		return true;
	/* A first fragment may hold less than all, but ports and ids lie in its first unit. */
	if (room < (p->is & FIRST ? sizeof(head) : least) ||
	    bpf_skb_load_bytes(skb, p->l4, &head, sizeof(head)))
		return false;
	if (protocol == (family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
		if (is_echo(head.type, family)) {
			FLOW(p, family, source_port) = head.half[2];
			FLOW(p, family, destination_port) = head.half[2];
		}
		return true;
	}
	FLOW(p, family, source_port) = head.half[0];
	FLOW(p, family, destination_port) = head.half[1];
	p->is |= HAS_PORTS;
	/* The rest of a first fragment's header may be in the next one. */
	if (protocol == IPPROTO_TCP && room > TCP_FLAGS &&
	    !bpf_skb_load_bytes(skb, p->l4 + TCP_FLAGS, &flags, sizeof(flags)))
		p->tcp = flags;
	return true;
}

/* A fragment: the first leaves its ports for the others, which may also come before it. */
APART int fragment(struct packet *p, const int family)
{
	struct ww_ports found = {}, *ports = NULL;
	struct ww_fragment6 six;
	struct ww_fragment4 four;

	if (!p)
		return 0;
	if (family == 4)
		four = (struct ww_fragment4){ p->four.wire, p->four.source,   p->four.destination,
					      p->fragment,  p->four.protocol, 0 };
	else {
		six.wire = p->six.wire;
		__builtin_memcpy(six.source, p->six.source, 32);
		six.id = p->fragment;
	}
	if (p->is & FIRST) {
		found.source = FLOW(p, family, source_port);
		found.destination = FLOW(p, family, destination_port);
		found.protocol = FLOW(p, family, protocol);
		if (family == 4)
			bpf_map_update_elem(&fragments4, &four, &found, BPF_ANY);
		else
			bpf_map_update_elem(&fragments6, &six, &found, BPF_ANY);
		return 0;
	}
	if (family == 4)
		ports = bpf_map_lookup_elem(&fragments4, &four);
	else
		ports = bpf_map_lookup_elem(&fragments6, &six);
	if (!ports) {
		p->is |= ORPHAN;
		return 0;
	}
	FLOW(p, family, source_port) = ports->source;
	FLOW(p, family, destination_port) = ports->destination;
	FLOW(p, family, protocol) = ports->protocol;
	if (least_header(ports->protocol, family) &&
	    ports->protocol != (family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		p->is |= HAS_PORTS;
	return 0;
}

APART bool parse_any4(struct __sk_buff *skb, struct packet *p)
{
	struct iphdr ip;
	__u32 header, total;
	bool ok = true;

	if (!p)
		return false;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)))
		return false;
	header = ip.ihl * 4;
	total = bpf_ntohs(ip.tot_len);
	/* Of what is longer than the field can say, segmentation writes the lengths. */
	if (!total && skb->gso_size)
		total = p->length;
	if (ip.version != 4 || header < sizeof(ip) || total < header || total > p->length)
		return false;
	p->four.source = ip.saddr;
	p->four.destination = ip.daddr;
	p->four.protocol = ip.protocol;
	p->tos = ip.tos;
	p->l4 = ETH_HLEN + header;
	if (ip.frag_off & bpf_htons(0x3fff)) {
		p->is |= ip.frag_off & bpf_htons(0x1fff) ? LATER : FIRST;
		p->fragment = ip.id;
	}
	if (!(p->is & LATER))
		ok = parse_l4(skb, p, total - header, 4);
	if (ok && p->is & (FIRST | LATER))
		fragment(p, 4);
	return ok;
}

/* `p` is zero but for wire and length. */
static __always_inline bool parse4(struct __sk_buff *skb, struct packet *p)
{
	return parse_usual4(skb, p) || parse_any4(skb, p);
}

/* Go on to L4's header, which begins before `end`. */
APART bool extensions(struct __sk_buff *skb, struct packet *p, __u32 end)
{
	struct {
		__u8 next;
		__u8 length;
		__be16 fragment;
		__be32 id;
	} head;
	__u8 next;
	__u32 at;

	if (!p)
		return false;
	next = p->six.protocol;
	at = p->l4;
	for (int n = 0; IS_EXTENSION(next); n++) {
		/* None is shorter than 8. */
		if (n == MOST_EXTENSIONS || at + 8 > end ||
		    bpf_skb_load_bytes(skb, at, &head, sizeof(head)))
			return false;
		if (next == IPPROTO_FRAGMENT) {
			if (p->is & FIRST)
				return false;
			at += 8;
			if (head.fragment & bpf_htons(0xfff9)) {
				p->is |= head.fragment & bpf_htons(0xfff8) ? LATER : FIRST;
				p->fragment = head.id;
			}
		} else if (next == IPPROTO_AH)
			at += (head.length + 2) * 4;
		else
			at += (head.length + 1) * 8;
		next = head.next;
		if (p->is & LATER)
			break;
	}
	p->six.protocol = next;
	p->l4 = at;
	return at <= end;
}

APART bool parse_any6(struct __sk_buff *skb, struct packet *p)
{
	struct ipv6hdr ip;
	__u32 end;
	bool ok = true;

	if (!p)
		return false;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)))
		return false;
	end = sizeof(ip) + bpf_ntohs(ip.payload_len);
	if (!ip.payload_len && skb->gso_size)
		end = p->length;
	if (ip.version != 6 || end > p->length)
		return false;
	end += ETH_HLEN;
	__builtin_memcpy(p->six.source, &ip.saddr, 32);
	p->six.protocol = ip.nexthdr;
	p->tos = ip.priority << 4 | ip.flow_lbl[0] >> 4;
	p->l4 = ETH_HLEN + sizeof(ip);
	if (IS_EXTENSION(ip.nexthdr) && !extensions(skb, p, end))
		return false;
	if (!(p->is & LATER))
		ok = parse_l4(skb, p, end - p->l4, 6);
	if (ok && p->is & (FIRST | LATER))
		fragment(p, 6);
	return ok;
}

static __always_inline bool parse6(struct __sk_buff *skb, struct packet *p)
{
	return parse_usual6(skb, p) || parse_any6(skb, p);
}

#endif
