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
  formatRuleMessage,
  parseAddressMessage,
  parseLinkMessage,
  parseNeighborMessage,
  parseRouteMessage,
  parseRuleMessage,
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
  formatVxlan,
  parseInfo,
  parseVxlan,
  type LinkAttrs,
} from 'netlink/dist/rt/ifla.js';
