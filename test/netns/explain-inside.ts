// SPDX-License-Identifier: Apache-2.0
/** `wanwire explain` without its command line, many times in one process: the loaded program is asked from its own namespace. */
import { requestOf, type HttpOptions } from '../../cli/explain/http.js';
import { parsePacket } from '../../cli/explain/packet.js';
import { explain, type Explained } from '../../cli/explain/run.js';
import type { WireWish } from '../../cli/explain/wires.js';
import type { NodeChoice } from '../../cli/plane/node.js';
import { answering } from './inside.js';

/** As the command's options have it. */
export interface Asking extends WireWish, HttpOptions {
  readonly live?: boolean;
}

answering({
  explain(node: NodeChoice, packet: string, asking: Asking): Promise<Explained> {
    const { live = false, wire, service, ...http } = asking;
    const wish = {
      ...(wire === undefined ? {} : { wire }),
      ...(service === undefined ? {} : { service }),
    };
    return explain(node, { packet: parsePacket(packet), wish, request: requestOf(http), live });
  },
});
