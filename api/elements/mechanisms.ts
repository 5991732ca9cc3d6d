// SPDX-License-Identifier: Apache-2.0
/**
 * Chooses the mechanism of a connection, and runs that mechanism's element.
 *
 * When: on the way in; Close goes to the mechanism that was chosen.
 * Where: after the life of the connection (`begin` to `monitor`), around
 * everything that needs the interface.
 * Leaves: what the chosen element leaves.
 */
import { status } from '@grpc/grpc-js';
import type { Element, Step } from '../chain/element.js';
import { WireError } from '../errors/wire-error.js';
import type { Connection, Mechanism } from '../gen/connection.js';

/** The element; `supported` is keyed by mechanism type, such as `KERNEL`. */
export function mechanisms(supported: Readonly<Record<string, Element>>): Step {
  const table = new Map(Object.entries(supported));
  const refused = (types: readonly string[]): WireError => {
    const asked = types.length === 0 ? 'none was offered' : `${types.join(', ')} not supported`;
    return new WireError(
      status.UNIMPLEMENTED,
      `mechanism: ${asked}: want one of ${[...table.keys()].join(', ')}`,
    );
  };
  return {
    kind: 'step',
    name: 'mechanisms',

    async request(call, request, next) {
      const run = (element: Element, mechanism: Mechanism): Promise<Connection> =>
        element.request(
          call,
          { ...request, connection: { ...request.connection, mechanism } },
          next,
        );
      const { mechanism } = request.connection;
      if (mechanism !== undefined) {
        const element = table.get(mechanism.type);
        if (element === undefined) throw refused([mechanism.type]);
        return run(element, mechanism);
      }
      let failure: unknown;
      for (const preference of request.mechanismPreferences) {
        const element = table.get(preference.type);
        if (element === undefined) continue;
        if (call.signal.aborted) break;
        try {
          return await run(element, preference);
        } catch (reason) {
          call.log.debug({ mechanism: preference.type, err: reason }, 'mechanism failed');
          // The most preferred one's failure says most about what the client wanted.
          failure ??= reason;
        }
      }
      if (failure instanceof Error) throw failure;
      throw refused(request.mechanismPreferences.map(({ type }) => type));
    },

    async close(call, connection) {
      const element = table.get(connection.mechanism?.type ?? '');
      if (element?.kind === 'step') await element.close(call, connection);
      else await element?.close(call, connection, () => Promise.resolve());
    },
  };
}
