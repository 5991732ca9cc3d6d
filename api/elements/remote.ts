// SPDX-License-Identifier: Apache-2.0
/**
 * The end of a client chain: asks the next hop over gRPC.
 *
 * When: on the way in, and on Close.
 * Where: last. Whoever sets `nextHop` stands before it.
 * Leaves: the next hop's connection, until that hop's `timeout`.
 */
import { status } from '@grpc/grpc-js';
import type { Call } from '../chain/call.js';
import { ownSegment } from '../chain/connection.js';
import type { Step } from '../chain/element.js';
import { stateKey } from '../chain/state.js';
import { WireError } from '../errors/wire-error.js';
import type { Connection, Mechanism } from '../gen/connection.js';
import { NetworkServiceService } from '../gen/networkservice.js';
import type { CallOptions, Channel, Channels } from '../grpc/channel.js';
import { filesOf } from './files.js';
import { nextHop, nextPeer } from './next-hop.js';

const channelKey = stateKey<Channel>('channel');

/** The element. A connection holds its share of the channel until it is closed. */
export function remote(channels: Channels): Step {
  const channelTo = (call: Call, url: string): Channel => {
    const open = call.state.get(channelKey);
    if (open?.url === url) return open;
    return call.state.set(channelKey, channels.acquire(url));
  };
  const options = (call: Call, ...mechanisms: (Mechanism | undefined)[]): CallOptions => ({
    signal: call.signal,
    deadlineMs: call.deadlineMs,
    descriptors: filesOf(call, mechanisms),
    onPeer(peer) {
      call.state.set(nextPeer, peer);
    },
  });
  return {
    kind: 'step',
    name: 'remote',

    async request(call, request, next) {
      const url = call.state.get(nextHop);
      if (url === undefined) {
        throw new WireError(status.INTERNAL, 'next hop: nothing in the chain has set its URL');
      }
      const { connection, mechanismPreferences } = request;
      const answer = await channelTo(call, url).unary(
        NetworkServiceService.request,
        { connection, mechanismPreferences: [...mechanismPreferences] },
        options(call, connection.mechanism, ...mechanismPreferences),
      );
      checkAnswer(answer, connection, url);
      return next(call, { ...request, connection: answer });
    },

    async close(call, connection) {
      const url = call.state.get(nextHop) ?? call.state.get(channelKey)?.url;
      if (url === undefined) {
        call.log.info('next hop unknown: left to its timeout');
        return;
      }
      try {
        const asked = options(call, connection.mechanism);
        await channelTo(call, url).unary(NetworkServiceService.close, connection, asked);
      } finally {
        call.state.delete(channelKey);
      }
    },
  };
}

/** The peer must hand our place in the path back to us, or a refresh would make a second connection. */
function checkAnswer(answer: Connection, asked: Connection, url: string): void {
  const { name, id } = ownSegment(asked);
  const path = answer.path;
  const mine = path?.pathSegments[path.index];
  if (path?.index === asked.path?.index && mine?.name === name && mine.id === id) {
    if (answer.id === id) return;
  }
  const got = `id ${answer.id}, index ${String(path?.index)}, segment ${String(mine?.name)}/${String(mine?.id)}`;
  throw new WireError(
    status.INTERNAL,
    `answer of ${url}: ${got}: want id ${id}, index ${String(asked.path?.index)}, segment ${name}/${id}`,
  );
}
