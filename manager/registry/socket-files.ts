// SPDX-License-Identifier: Apache-2.0
/**
 * Takes the socket files of those who register, and shows them to those who look.
 *
 * When: on Register (`inode://DEVICE/INODE`, whose file comes beneath TLS) and on the answers of
 * Find, to callers who can take files.
 * Where: before the others: they see URLs that can be dialled here.
 * Leaves: a descriptor of each socket that has no path here, for as long as its entry.
 */
import { closeSync } from 'node:fs';
import { status } from '@grpc/grpc-js';
import { WireError } from '../../api/errors/wire-error.js';
import { inodeOf } from '../../api/fdpass/take-file.js';
import type { NetworkServiceEndpoint } from '../../api/gen/registry.js';
import type { Found } from '../../api/registry/registry.js';
import { toSend, type SocketFiles } from '../../api/registry/socket-files.js';
import type { Layer } from './stack.js';

/** The layer. */
export function socketFiles(files: SocketFiles): Layer<NetworkServiceEndpoint> {
  return (rest) => ({
    ...rest,
    async register(call, endpoint) {
      const reached = await files.received(endpoint, call);
      // Where none can come, it is no URL at all: said by who checks that.
      if (inodeOf(reached.url) !== undefined && call.peer?.descriptors !== undefined) {
        throw new WireError(
          status.NOT_FOUND,
          `url: ${reached.url}: the file of this socket did not come: want it beneath TLS on this unix socket, or a unix:// or tcp:// URL`,
        );
      }
      const stored = await rest.register(call, reached);
      // The caller has its own name for what it has sent.
      return stored.url === reached.url ? { ...stored, url: endpoint.url } : stored;
    },
    async *find(call, query, watch): AsyncGenerator<Found<NetworkServiceEndpoint>> {
      for await (const found of rest.find(call, query, watch)) {
        // The manager's own questions have the peer of the Request that they are about.
        const isOurs = call.arrivedOn === undefined;
        const descriptors = isOurs || found.deleted ? undefined : call.peer?.descriptors;
        if (descriptors === undefined) {
          yield found;
          continue;
        }
        const { entry, fd } = toSend(found.entry);
        if (fd !== undefined) {
          descriptors.send(fd);
          closeSync(fd);
        }
        yield { ...found, entry };
      }
    },
  });
}
