// SPDX-License-Identifier: Apache-2.0
/**
 * The one door to npm `netlink`: its codecs. Its parts that open sockets (and
 * its native addon) are not loaded; the sockets are `bpf/netns`.
 */
export {
  AttrStream,
  formatMessage,
  getString,
  parseAttributes,
  parseMessages,
  putU32,
  type NetlinkMessage,
} from 'netlink/dist/structs.js';
export {
  formatAddressMessage,
  formatLinkMessage,
  formatNeighborMessage,
  formatRouteMessage,
  parseAddressMessage,
  parseLinkMessage,
  parseNeighborMessage,
  parseRouteMessage,
} from 'netlink/dist/rt/structs.js';
export {
  formatLink,
  MessageType,
  parseRouteNextHop,
  type RouteAttrs,
  type RouteProtocol,
} from 'netlink/dist/rt/gen_structs.js';
export {
  formatInfo,
  formatLinkAttrs,
  formatVethInfo,
  type LinkAttrs,
} from 'netlink/dist/rt/ifla.js';
