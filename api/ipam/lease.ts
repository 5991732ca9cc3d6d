// SPDX-License-Identifier: Apache-2.0
/** The addresses of one connection: one pair of each group of pools. */
import { status } from '@grpc/grpc-js';
import { WireError } from '../errors/wire-error.js';
import type { Pool } from './pool.js';
import { contains, formatHost, merged, parsePrefix, type Prefix, type Range } from './prefix.js';

/** Pools that stand in for each other. */
export type Group = readonly Pool[];

/** What may not be used, by family. */
export class Excluded {
  readonly #prefixes: readonly Prefix[];
  readonly #merged = new Map<number, readonly Range[]>();

  constructor(texts: readonly string[]) {
    this.#prefixes = texts.map((text, at) =>
      parsePrefix(text, `context.ip_context.excluded_prefixes[${String(at)}]`),
    );
  }

  /** Merged ranges of a family. */
  of(bits: 32 | 128): readonly Range[] {
    const known = this.#merged.get(bits);
    if (known !== undefined) return known;
    const ranges = merged(this.#prefixes.filter((prefix) => prefix.bits === bits));
    this.#merged.set(bits, ranges);
    return ranges;
  }

  /** Whether an address is excluded. */
  has(address: bigint, bits: 32 | 128): boolean {
    return this.of(bits).some(({ first, last }) => first <= address && address <= last);
  }
}

/** An address for each end, out of one pool. Disposing gives both back, once. */
export class Pair implements Disposable {
  readonly #pool: Pool;
  readonly #dst: bigint;
  readonly #src: bigint;
  #held = true;

  private constructor(pool: Pool, dst: bigint, src: bigint) {
    this.#pool = pool;
    this.#dst = dst;
    this.#src = src;
  }

  /** The first free pair of a group, the endpoint's address first; RESOURCE_EXHAUSTED naming the pools. */
  static take(group: Group, excluded: Excluded): Pair {
    for (const pool of group) {
      const ranges = excluded.of(pool.prefix.bits);
      const dst = pool.take(ranges);
      if (dst === undefined) continue;
      const src = pool.take(ranges);
      if (src !== undefined) return new Pair(pool, dst, src);
      pool.release(dst);
    }
    throw exhausted(group, excluded);
  }

  /** The pair a connection carries already, where it is ours and free and not excluded. */
  static claim(
    group: Group,
    dsts: readonly Prefix[],
    srcs: readonly Prefix[],
    excluded: Excluded,
  ): Pair | undefined {
    for (const pool of group) {
      const ours = (host: Prefix): boolean =>
        contains(pool.prefix, host) && !excluded.has(host.first, host.bits);
      const taken: bigint[] = [];
      const claim = (hosts: readonly Prefix[]): bigint | undefined => {
        const host = hosts.find((candidate) => ours(candidate) && pool.claim(candidate.first));
        if (host !== undefined) taken.push(host.first);
        return host?.first;
      };
      const dst = claim(dsts);
      const src = dst === undefined ? undefined : claim(srcs);
      if (dst !== undefined && src !== undefined) return new Pair(pool, dst, src);
      for (const address of taken) pool.release(address);
    }
    return undefined;
  }

  /** The endpoint's address, such as `172.16.1.100/32`. */
  get dst(): string {
    return formatHost(this.#dst, this.#pool.prefix.bits);
  }

  /** The client's address. */
  get src(): string {
    return formatHost(this.#src, this.#pool.prefix.bits);
  }

  /** Whether one of both may no longer be used. */
  isExcluded(excluded: Excluded): boolean {
    const { bits } = this.#pool.prefix;
    return excluded.has(this.#dst, bits) || excluded.has(this.#src, bits);
  }

  [Symbol.dispose](): void {
    if (!this.#held) return;
    this.#held = false;
    this.#pool.release(this.#dst);
    this.#pool.release(this.#src);
  }
}

function exhausted(group: Group, excluded: Excluded): WireError {
  const pools = group.map(({ text, used, prefix }) => {
    const size = prefix.last - prefix.first + 1n;
    const out = excluded.of(prefix.bits).length > 0 ? ', and excluded_prefixes' : '';
    return `${text} (${String(used)} of ${String(size)} in use${out})`;
  });
  return new WireError(
    status.RESOURCE_EXHAUSTED,
    `IP pool ${pools.join(', ')}: no two free addresses left for a connection`,
  );
}
