/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* The outer header: written by the kernel from a key, and read as one. */
#ifndef WANWIRE_TUNNEL_H
#define WANWIRE_TUNNEL_H

#include "packet.h"

#define TTL 64

static __always_inline __u32 mapped(const __u8 *address)
{
	__be32 four;

	__builtin_memcpy(&four, address + 12, 4);
	return bpf_ntohl(four);
}

/* Let the VXLAN device send this on the strand; the kernel adds the inner packet's ECN. 0 if so. */
static __always_inline long set_key(struct __sk_buff *skb, struct ww_strand *strand, __u32 vni,
				    __u8 tos)
{
	struct bpf_tunnel_key key = { .tunnel_id = vni, .tunnel_ttl = TTL, .tunnel_tos = tos };

	if (strand->family == 4) {
		key.local_ipv4 = mapped(strand->local);
		key.remote_ipv4 = mapped(strand->remote);
		return bpf_skb_set_tunnel_key(skb, &key, sizeof(key),
					      BPF_F_ZERO_CSUM_TX | BPF_F_DONT_FRAGMENT);
	}
	if (strand->family != 6)
		return -1;
	__builtin_memcpy(key.local_ipv6, strand->local, 16);
	__builtin_memcpy(key.remote_ipv6, strand->remote, 16);
	return bpf_skb_set_tunnel_key(skb, &key, sizeof(key), BPF_F_TUNINFO_IPV6);
}

static __always_inline void map(__u8 *address, __u32 four)
{
	__be32 value = bpf_htonl(four);

	address[10] = address[11] = 0xff;
	__builtin_memcpy(address + 12, &value, 4);
}

/* What the frame came by: its VNI and outer addresses. */
static __always_inline bool get_key(struct __sk_buff *skb, __u32 *vni, struct ww_path *path)
{
	struct bpf_tunnel_key key;

	if (!bpf_skb_get_tunnel_key(skb, &key, sizeof(key), 0)) {
		__builtin_memset(path, 0, sizeof(*path));
		map(path->local, key.local_ipv4);
		map(path->remote, key.remote_ipv4);
	} else if (!bpf_skb_get_tunnel_key(skb, &key, sizeof(key), BPF_F_TUNINFO_IPV6)) {
		__builtin_memcpy(path->local, key.local_ipv6, 16);
		__builtin_memcpy(path->remote, key.remote_ipv6, 16);
	} else
		return false;
	*vni = key.tunnel_id;
	return true;
}

#endif
