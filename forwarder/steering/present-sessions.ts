// SPDX-License-Identifier: Apache-2.0
/** The sessions that are open now, read at once and put into words as they are asked for. */
import * as layout from '../../bpf/loader/layout.js';
import type { BpfMap } from '../../bpf/loader/map.js';
import type { SessionChange } from '../operator/session-event.js';
import { SessionText, type Meanings } from './session-text.js';

/** What of the plane is read. */
export interface PresentSource extends Meanings {
  readonly tables: {
    readonly sessions4: { readonly map: Pick<BpfMap, 'packed'> };
    readonly sessions6: { readonly map: Pick<BpfMap, 'packed'> };
    readonly wires: { get(key: { value: number }): { readonly policy: number } | undefined };
  };
  /** Nothing where it is no more. */
  nameOf(kind: 'wire', id: number): object | undefined;
}

/** Read them. What a closed wire left is passed over, and what TCP has closed. */
export function presentSessions(plane: PresentSource, at: number): Iterable<SessionChange> {
  const { sessions4, sessions6 } = plane.tables;
  const parts = [
    { ...sessions4.map.packed(), key: layout.flow4 },
    { ...sessions6.map.packed(), key: layout.flow },
  ] as const;
  return inWords(plane, at, parts);
}

interface Part {
  readonly keys: Buffer;
  readonly values: Buffer;
  readonly key: typeof layout.flow4 | typeof layout.flow;
}

function* inWords(
  plane: PresentSource,
  at: number,
  parts: readonly Part[],
): Generator<SessionChange> {
  const text = new SessionText(plane);
  const policies = new Map<number, number | undefined>();
  const policyOf = (wire: number): number | undefined => {
    if (!policies.has(wire)) {
      const known = plane.nameOf('wire', wire) !== undefined;
      policies.set(wire, known ? plane.tables.wires.get({ value: wire })?.policy : undefined);
    }
    return policies.get(wire);
  };
  const { size } = layout.session;
  for (const { keys, values, key } of parts) {
    for (let n = 0; n * key.size < keys.length; n++) {
      const flow = key.decode(keys.subarray(n * key.size, (n + 1) * key.size));
      const session = layout.session.decode(values.subarray(n * size, (n + 1) * size));
      const policy = policyOf(flow.wire);
      if (policy === undefined || session.strand === 0 || layout.isClosed(session.flags)) continue;
      const { wire } = flow;
      yield { at, kind: 'present', ...text.session({ ...session, wire, policy, flow }) };
    }
  }
}
