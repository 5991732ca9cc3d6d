// SPDX-License-Identifier: Apache-2.0
/** The forwarders whose sessions the audit hears, and how it reaches each of them. */
import { status } from '@grpc/grpc-js';
import { z } from 'zod';
import { WireError } from '../../api/errors/wire-error.js';
import type { SessionEvent } from '../../forwarder/operator/session-event.js';
import { askOperator, type ForwarderSocket } from '../operator-client.js';
import { look } from '../plane/look.js';
import { pinnedMaps, type Maps } from '../plane/maps.js';
import { chooseNode, socketOf, type NodeChoice } from '../plane/node.js';
import { followSessions } from '../session-events.js';

/** What is heard and seen of one forwarder. */
export interface HeardForwarder {
  readonly name: string;
  /** Its session events, one stream. */
  readonly follow: (signal: AbortSignal, begun: () => void) => AsyncIterable<SessionEvent>;
  /** Rejects where it does not answer. */
  readonly isThere: () => Promise<unknown>;
  /** Its pinned maps, opened anew. */
  readonly maps: () => Maps;
}

/** What answers takes less; one that stands still is found out. */
const patienceMs = 2_000;

/** The forwarders of these names, or the only one there is; throws what there is instead. */
export async function chooseForwarders(
  names: readonly string[],
): Promise<readonly HeardForwarder[]> {
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) {
    const text = `--forwarder "${twice}" is given twice`;
    throw new WireError(status.INVALID_ARGUMENT, text);
  }
  if (names.length === 0) return [heard(await chooseNode({}))];
  return Promise.all(names.map(async (name) => heard(await chooseNode({ name }))));
}

function heard(node: NodeChoice): HeardForwarder {
  const { name, directory } = node;
  let socket = '';
  const place = (): ForwarderSocket => {
    socket = operatorOf(node) ?? socket;
    return { name, socket };
  };
  return {
    name,
    follow: (signal, begun) => followSessions(place(), signal, begun),
    isThere: () =>
      askOperator(
        { name, socket },
        { method: 'GET', path: '/version', patienceMs },
        z.object({ name: z.string() }),
      ),
    maps: () => pinnedMaps(directory),
  };
}

/** A forwarder that starts anew may listen elsewhere; nothing while it makes its maps. */
function operatorOf(node: NodeChoice): string | undefined {
  try {
    return socketOf(
      node,
      look(node, (_, { plane }) => plane.node.operator),
    );
  } catch (reason) {
    if (reason instanceof WireError) return undefined;
    throw reason;
  }
}
