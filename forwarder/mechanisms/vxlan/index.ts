// SPDX-License-Identifier: Apache-2.0
/** The VXLAN mechanism: wires between nodes. */
export { vxlanClient } from './client.js';
export { vxlanServer } from './server.js';
export type { TunnelSelf } from './self.js';
