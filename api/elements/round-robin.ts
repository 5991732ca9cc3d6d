// SPDX-License-Identifier: Apache-2.0
/**
 * Takes the candidates in turn until one answers.
 *
 * When: on the way in, around the rest of the chain, which runs once for each
 * candidate it tries. Without candidates (a refresh) it does nothing.
 * Where: after `discover`, before everything that a failed candidate must not
 * leave behind, and before whoever reads `nextHop`.
 * Leaves: nothing; turns begin anew after a restart.
 *
 * Turns are counted per network service. The weight of the route that led to
 * an endpoint (`Destination.weight`, 0 is 1) is that endpoint's share.
 */
import type { Step } from '../chain/element.js';
import type { Candidate } from '../registry/match.js';
import { candidatesKey, type Chosen } from './candidates.js';
import { tryInTurn } from './try-in-turn.js';
import { WeightedTurn } from './weighted-turn.js';

/** The element. */
export function roundRobin(): Step {
  const turns = new Map<string, WeightedTurn>();
  return {
    kind: 'step',
    name: 'roundRobin',

    async request(call, request, next) {
      const candidates = call.state.take(candidatesKey);
      if (candidates === undefined) return await next(call, request);
      const { connection } = request;
      const service = connection.networkService;
      let turn = turns.get(service);
      // Only services that have endpoints come here, so the map stays small.
      if (turn === undefined) turns.set(service, (turn = new WeightedTurn()));
      return await tryInTurn(call, ordered(turn, candidates), (attempt, hop) =>
        next(attempt, {
          ...request,
          connection: { ...connection, networkServiceEndpointName: hop.name },
        }),
      );
    },

    close: () => Promise.resolve(),
  };
}

function ordered(turn: WeightedTurn, candidates: readonly Candidate[]): readonly Chosen[] {
  const hops = new Map(candidates.map(({ endpoint }) => [endpoint.name, endpoint.url]));
  const weights = new Map(candidates.map(({ endpoint, weight }) => [endpoint.name, weight]));
  return turn.order(weights).map((name) => ({ name, url: hops.get(name) ?? '' }));
}
