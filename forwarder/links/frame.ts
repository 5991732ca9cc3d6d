// SPDX-License-Identifier: Apache-2.0
/** What every route-netlink message has. */

/** One message, still without its sequence number. */
export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly body: readonly Uint8Array[];
}

/** NLM_F_* of linux/netlink.h. */
export const flags = {
  request: 1,
  ack: 4,
  dump: 0x300,
  replace: 0x100,
  excl: 0x200,
  create: 0x400,
};
