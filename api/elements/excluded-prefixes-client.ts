// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps a client's connections out of each other's addresses: what the others
 * use is excluded, and an answer that uses an excluded address is refused.
 * Several may lead to one place, though: that is what metrics are for.
 *
 * When: on the way in, and on the way back. A new connection that is refused is closed.
 * Where: in a client, after `begin`.
 * Leaves: nothing.
 */
import { status } from '@grpc/grpc-js';
import { detached } from '../chain/call.js';
import { ipOf, withIp } from '../chain/connection.js';
import type { Chain, Step } from '../chain/element.js';
import { stateKey } from '../chain/state.js';
import { WireError } from '../errors/wire-error.js';
import type { Connection } from '../gen/connection.js';
import { Excluded } from '../ipam/lease.js';
import { parsePrefix, prefixesOf, type Prefix } from '../ipam/prefix.js';

/** What one connection uses, and what we excluded for it. */
interface Use extends Disposable {
  readonly addresses: readonly Prefix[];
  /** Single ones that it leads to. */
  readonly places: readonly Prefix[];
  readonly excludedForIt: readonly string[];
}

/** The element; client form. */
export function excludedPrefixesClient(): Step {
  const key = stateKey<Use>('excluded-prefixes-client');
  const uses = new Set<Use>();
  let rest: Chain | undefined;

  return {
    kind: 'step',
    name: 'excludedPrefixesClient',

    composed(chain) {
      rest = chain;
    },

    async request(call, request, next) {
      const own = call.state.get(key);
      const others = [...uses].filter((use) => use !== own);
      const inUse = others.flatMap(({ addresses }) => addresses);
      const excludedForIt = textsOf([...inUse, ...others.flatMap(({ places }) => places)]);
      const asked = ipOf(request.connection).excludedPrefixes;
      const theirs = asked.filter((prefix) => own?.excludedForIt.includes(prefix) !== true);
      const excludedPrefixes = [...new Set([...theirs, ...excludedForIt])];
      const connection = withIp(request.connection, { excludedPrefixes });
      const answer = await next(call, { ...request, connection });
      const refusal =
        clash(answer, addressesOf(answer), new Excluded(excludedPrefixes)) ??
        clash(answer, placesOf(answer), new Excluded([...theirs, ...textsOf(inUse)]));
      if (refusal !== undefined) {
        // A refresh that is refused keeps what stands, as any failed refresh does.
        if (own === undefined) await rest?.close(detached(call), answer);
        throw refusal;
      }
      const use: Use = {
        addresses: addressesOf(answer),
        places: placesOf(answer),
        excludedForIt,
        [Symbol.dispose]: () => uses.delete(use),
      };
      uses.add(use);
      call.state.set(key, use);
      return answer;
    },

    close(call) {
      call.state.delete(key);
      return Promise.resolve();
    },
  };
}

function textsOf(hosts: readonly Prefix[]): readonly string[] {
  return ([32, 128] as const).flatMap((bits) =>
    prefixesOf(
      hosts.filter((host) => host.bits === bits),
      bits,
    ),
  );
}

function addressesOf(connection: Connection): readonly Prefix[] {
  const { srcIpAddrs, dstIpAddrs } = ipOf(connection);
  return [...srcIpAddrs, ...dstIpAddrs].map((text) => parsed(text.split('/')[0] ?? ''));
}

function placesOf(connection: Connection): readonly Prefix[] {
  const { srcRoutes, dstRoutes } = ipOf(connection);
  return [...srcRoutes, ...dstRoutes]
    .map(({ prefix }) => parsed(prefix))
    .filter(({ first, last }) => first === last);
}

function parsed(text: string): Prefix {
  return parsePrefix(text, 'context.ip_context');
}

function clash(
  answer: Connection,
  hosts: readonly Prefix[],
  excluded: Excluded,
): WireError | undefined {
  const host = hosts.find(({ first, bits }) => excluded.has(first, bits));
  if (host === undefined) return undefined;
  const [text] = prefixesOf([host], host.bits);
  return new WireError(
    status.FAILED_PRECONDITION,
    `${answer.networkServiceEndpointName || 'endpoint'}: uses ${text ?? ''}, which excluded_prefixes rules out`,
  );
}
