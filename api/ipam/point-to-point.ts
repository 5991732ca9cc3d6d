// SPDX-License-Identifier: Apache-2.0
/**
 * Gives both ends of a connection their addresses, and routes to each other:
 * of each group of pools one pair, the endpoint's address first.
 *
 * When: on the way in. A refresh keeps its pair; a new connection that carries a
 * free pair of ours keeps it (the endpoint restarted). A pair that became excluded
 * is replaced.
 * Where: in an endpoint, after the life of the connection (`begin` to
 * `monitor`), before the mechanism.
 * Leaves: nothing outside the process.
 */
import { ipOf, withIp } from '../chain/connection.js';
import type { Step } from '../chain/element.js';
import { stateKey } from '../chain/state.js';
import { invalid } from '../errors/wire-error.js';
import { Route, type IPContext } from '../gen/connectioncontext.js';
import { Excluded, Pair, type Group } from './lease.js';
import { Pool } from './pool.js';
import { contains, overlaps, parsePrefix, type Prefix } from './prefix.js';

/** What happens to addresses that a Request carries and that are not ours. */
export interface PointToPointOptions {
  /** `polite` (default) keeps those outside our pools, `strict` drops them. */
  readonly policy?: 'polite' | 'strict';
}

/** The pairs of one connection, by group. */
class Lease implements Disposable {
  pairs: readonly Pair[] = [];
  [Symbol.dispose](): void {
    for (const pair of this.pairs) pair[Symbol.dispose]();
  }
}

/** An address that a Request carries, as written and as one host. */
interface Carried {
  readonly text: string;
  readonly host: Prefix;
}

/** The element; each group is a list of prefixes that stand in for each other, as in `NSM_CIDR_PREFIX`. */
export function pointToPoint(
  prefixes: readonly (readonly string[])[],
  { policy = 'polite' }: PointToPointOptions = {},
): Step {
  const groups: readonly Group[] = prefixes.map((group) => group.map((text) => new Pool(text)));
  const pools = groups.flat();
  refuseOverlaps(pools);
  const key = stateKey<Lease>('point2pointipam');
  const drop = (host: Prefix): boolean =>
    policy === 'strict' || pools.some((pool) => contains(pool.prefix, host));

  return {
    kind: 'step',
    name: 'point2pointipam',

    async request(call, request, next) {
      const lease = call.state.getOr(key, () => new Lease());
      const before = lease.pairs;
      const ip = ipOf(request.connection);
      const dsts = carried(ip.dstIpAddrs, 'context.ip_context.dst_ip_addrs');
      const srcs = carried(ip.srcIpAddrs, 'context.ip_context.src_ip_addrs');
      const pairs = choose(groups, before, dsts, srcs, new Excluded(ip.excludedPrefixes));
      const change = withPairs(ip, dsts, srcs, pairs, drop);
      try {
        const connection = withIp(request.connection, change);
        const answer = await next(call, { ...request, connection });
        lease.pairs = pairs;
        giveBack(before, pairs);
        return answer;
      } catch (reason) {
        giveBack(pairs, before);
        throw reason;
      }
    },

    close(call) {
      call.state.delete(key);
      return Promise.resolve();
    },
  };
}

/** One pair of each group; none is taken when one group has none left. */
function choose(
  groups: readonly Group[],
  before: readonly Pair[],
  dsts: readonly Carried[],
  srcs: readonly Carried[],
  excluded: Excluded,
): readonly Pair[] {
  const hosts = (all: readonly Carried[]): readonly Prefix[] => all.map(({ host }) => host);
  const pairs: Pair[] = [];
  try {
    for (const [at, group] of groups.entries()) {
      const had = before[at];
      const kept = had?.isExcluded(excluded) === false ? had : undefined;
      pairs.push(
        kept ?? Pair.claim(group, hosts(dsts), hosts(srcs), excluded) ?? Pair.take(group, excluded),
      );
    }
    return pairs;
  } catch (reason) {
    giveBack(pairs, before);
    throw reason;
  }
}

/** Give back those that are not kept. */
function giveBack(pairs: readonly Pair[], kept: readonly Pair[]): void {
  for (const pair of pairs) if (!kept.includes(pair)) pair[Symbol.dispose]();
}

/** What to change to have these pairs and their routes, and not what is to be dropped. */
function withPairs(
  ip: IPContext,
  dsts: readonly Carried[],
  srcs: readonly Carried[],
  pairs: readonly Pair[],
  drop: (host: Prefix) => boolean,
): Partial<IPContext> {
  const src = pairs.map((pair) => pair.src);
  const dst = pairs.map((pair) => pair.dst);
  const dropped = new Set<string>();
  const addresses = (all: readonly Carried[], ours: readonly string[]): string[] => {
    const gone = all.filter(({ text, host }) => !ours.includes(text) && drop(host));
    for (const { text } of gone) dropped.add(text);
    const stay = all.map(({ text }) => text).filter((text) => !dropped.has(text));
    return [...stay, ...ours.filter((text) => !stay.includes(text))];
  };
  const routes = (had: readonly Route[], ours: readonly string[]): Route[] => {
    const stay = had.filter(({ prefix }) => ours.includes(prefix) || !dropped.has(prefix));
    const missing = ours.filter((text) => !stay.some(({ prefix }) => prefix === text));
    return [...stay, ...missing.map((prefix) => Route.fromPartial({ prefix }))];
  };
  const srcIpAddrs = addresses(srcs, src);
  const dstIpAddrs = addresses(dsts, dst);
  return {
    srcIpAddrs,
    dstIpAddrs,
    srcRoutes: routes(ip.srcRoutes, dst),
    dstRoutes: routes(ip.dstRoutes, src),
  };
}

/** Addresses as single hosts, whatever length they are written with. */
function carried(texts: readonly string[], field: string): readonly Carried[] {
  return texts.map((text, at) => {
    const where = `${field}[${String(at)}]`;
    parsePrefix(text, where);
    return { text, host: parsePrefix(text.split('/')[0] ?? '', where) };
  });
}

/** An address in two pools would be given away twice. */
function refuseOverlaps(pools: readonly Pool[]): void {
  for (const [at, { text, prefix }] of pools.entries()) {
    const other = pools.slice(0, at).find((pool) => overlaps(pool.prefix, prefix));
    if (other !== undefined) throw invalid('IP pool', text, `no overlap with ${other.text}`);
  }
}
