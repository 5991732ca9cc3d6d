// SPDX-License-Identifier: Apache-2.0
/**
 * A remote registry of endpoints to which socket files are passed, and from
 * which they come: where the channel carries files, each `unix://` URL goes and comes as
 * `inode://DEVICE/INODE`. Without TLS, or over TCP, it is the registry as it is.
 */
import { closeSync } from 'node:fs';
import type { Peer } from '../chain/peer.js';
import type { NetworkServiceEndpoint } from '../gen/registry.js';
import type { Channel } from '../grpc/channel.js';
import type { Found, Registry } from './registry.js';
import { SocketFiles, toSend } from './socket-files.js';

/** See the head of this file. */
export function passingSockets(
  channel: Channel,
  rest: Registry<NetworkServiceEndpoint>,
): Registry<NetworkServiceEndpoint> {
  if (channel.carriesFiles !== true) return rest;
  const files = new SocketFiles();
  return {
    async register(call, endpoint) {
      const { entry, fd } = toSend(endpoint);
      if (fd === undefined) return await rest.register(call, endpoint);
      try {
        const stored = await rest.register({ ...call, descriptors: [fd] }, entry);
        return stored.url === entry.url ? { ...stored, url: endpoint.url } : stored;
      } finally {
        closeSync(fd);
      }
    },
    async unregister(call, endpoint) {
      const { entry, fd } = toSend(endpoint);
      if (fd === undefined) {
        await rest.unregister(call, endpoint);
        return;
      }
      try {
        await rest.unregister({ ...call, descriptors: [fd] }, entry);
      } finally {
        closeSync(fd);
      }
    },
    async *find(call, query, watch): AsyncGenerator<Found<NetworkServiceEndpoint>> {
      let peer: Peer | undefined;
      const asked = {
        ...call,
        onPeer: (carrier: Peer) => {
          peer = carrier;
        },
      };
      for await (const found of rest.find(asked, query, watch)) {
        if (found.deleted) yield found;
        else yield { ...found, entry: await files.received(found.entry, { ...call, peer }) };
      }
    },
  };
}
