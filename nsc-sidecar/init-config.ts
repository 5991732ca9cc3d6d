// SPDX-License-Identifier: Apache-2.0
/** The environment of `wanwire nsc-init`: cmd-nsc-init's variables and our own. */
import { common, place } from '../api/env/common.js';
import type { Table, Values } from '../api/env/table.js';
import { table as client } from './config.js';

/** Every variable of `wanwire nsc-init`. */
export const table = {
  NSM_NAME: {
    ...client.NSM_NAME,
    description:
      'Name of this client; its wires are NAME-0, NAME-1, ... The `wanwire nsc` that is to take them over has the same.',
  },
  NSM_NETWORK_SERVICES: client.NSM_NETWORK_SERVICES,
  NSM_CONNECT_TO: client.NSM_CONNECT_TO,
  NSM_DIAL_TIMEOUT: client.NSM_DIAL_TIMEOUT,
  NSM_REQUEST_TIMEOUT: client.NSM_REQUEST_TIMEOUT,
  WANWIRE_HOLD: client.WANWIRE_HOLD,
  ...place,
  ...common,
  NSM_AWARENESS_GROUPS: client.NSM_AWARENESS_GROUPS,
} as const satisfies Table;

/** The parsed environment. */
export type Config = Values<typeof table>;
