// SPDX-License-Identifier: Apache-2.0
/** What is to be done for the Wire objects of a node to be as its wires are. */
import { isDeepStrictEqual } from 'node:util';
import type { WireObject } from './objects.js';

/** See the head of this file. */
export interface WireChanges {
  readonly put: readonly WireObject[];
  readonly gone: readonly WireObject[];
}

/** Those that are missing or say something else, and those that are nobody's. */
export function changesOf(
  known: readonly WireObject[],
  wanted: readonly WireObject[],
): WireChanges {
  const before = new Map(known.map((wire) => [keyOf(wire), wire]));
  const names = new Set(wanted.map(keyOf));
  const put = wanted.filter((wire) => {
    const { spec, status, metadata } = before.get(keyOf(wire)) ?? {};
    const owner = metadata?.ownerReferences?.[0]?.uid;
    const sameOwner = owner === wire.metadata.ownerReferences?.[0]?.uid;
    return !sameOwner || !isDeepStrictEqual([spec, status], [wire.spec, wire.status]);
  });
  const gone = known.filter(
    (wire) => !names.has(keyOf(wire)) && wire.metadata.deletionTimestamp === undefined,
  );
  return { put, gone };
}

function keyOf({ metadata: { namespace = '', name } }: WireObject): string {
  return `${namespace}/${name}`;
}
