// SPDX-License-Identifier: Apache-2.0
/** The KERNEL mechanism: a veth pair from the client's namespace to the endpoint's. */
export { kernelClient } from './client.js';
export { kernelServer } from './server.js';
export { Reaper, type DoomedEnd } from './reaper.js';
export {
  aliasPrefix,
  clientSocket,
  endpointSocket,
  macsOf,
  type Side,
  type SideName,
  type Socket,
  type Wish,
} from './side.js';
export { Wires, type Wire } from './wires.js';
export { wishOf } from './wish.js';
export type { Indexes } from './converge.js';
