// SPDX-License-Identifier: Apache-2.0
/**
 * Endpoints live as long as they are refreshed, and no longer than their token.
 *
 * When: on Register it sets the time, the earliest of: what the entry says, the
 * caller's token's end, now and the period. At that time it unregisters.
 * Where: before the store. What stands before it is not asked again when an
 * entry expires.
 * Leaves: nothing; `Symbol.dispose` stops the timers.
 */
import { timestampMs, toTimestamp } from '../../api/chain/connection.js';
import type { Clock, Timer } from '../../api/chain/clock.js';
import type { NetworkServiceEndpoint } from '../../api/gen/registry.js';
import type { Logger } from '../../api/log/log.js';
import type { Registry, RegistryCall } from '../../api/registry/registry.js';
import type { Layer } from './stack.js';

/** How long an entry lives, and what it is measured with. */
export interface ExpireOptions {
  readonly periodMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The layer, and the end of its timers. */
export interface Expire extends Disposable {
  readonly layer: Layer<NetworkServiceEndpoint>;
}

/** Make the layer. */
export function expire(options: ExpireOptions): Expire {
  const { clock, log, periodMs } = options;
  const timers = new Map<string, Timer>();

  function stop(name: string): void {
    timers.get(name)?.cancel();
    timers.delete(name);
  }

  function arm(rest: Registry<NetworkServiceEndpoint>, entry: NetworkServiceEndpoint): void {
    const { name } = entry;
    stop(name);
    if (entry.expirationTime === undefined) return;
    const act = (): void => {
      timers.delete(name);
      log.info({ endpoint: name }, 'expired');
      const call: RegistryCall = { signal: new AbortController().signal, clock, log };
      rest.unregister(call, entry).catch((reason: unknown) => {
        log.error({ endpoint: name, err: reason }, 'an expired entry could not be deleted');
      });
    };
    timers.set(name, clock.after(timestampMs(entry.expirationTime) - clock.now(), act));
  }

  return {
    layer: (rest) => ({
      ...rest,
      async register(call, entry) {
        const asked = entry.expirationTime;
        const endMs = Math.min(
          clock.now() + periodMs,
          call.token?.expiresMs ?? Infinity,
          asked === undefined ? Infinity : timestampMs(asked),
        );
        const stored = await rest.register(call, { ...entry, expirationTime: toTimestamp(endMs) });
        arm(rest, stored);
        return stored;
      },
      async unregister(call, entry) {
        stop(entry.name);
        await rest.unregister(call, entry);
      },
    }),
    [Symbol.dispose]() {
      for (const name of [...timers.keys()]) stop(name);
    },
  };
}
