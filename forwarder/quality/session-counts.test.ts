// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import * as layout from '../../bpf/loader/layout.js';
import { sessionCounts, sessionsOf, type CountedPlane } from './session-counts.js';

const second = 1_000_000_000n;
const { reset } = layout.sessionFlags;

/** Sessions of IPv4 and IPv6 in turn; wires below 10 are of the first rule set, others of the second. */
function planeOf(
  ...sessions: readonly (Partial<layout.Session> & { readonly wire: number })[]
): CountedPlane {
  const packed = (rest: number, key: typeof layout.flow4 | typeof layout.flow) => {
    const own = sessions.filter((_, at) => at % 2 === rest);
    return {
      keySize: key.size,
      packed: () => ({
        keys: Buffer.concat(own.map(({ wire }) => key.encode({ wire }))),
        values: Buffer.concat(
          own.map((one) => layout.session.encode({ last_ns: 999n * second, ...one })),
        ),
      }),
    };
  };
  return {
    generation: 7,
    tables: {
      sessions4: { map: packed(0, layout.flow4) },
      sessions6: { map: packed(1, layout.flow) },
      wires: { get: ({ value }) => ({ policy: value < 10 ? 1 : 2 }) },
    },
    nameOf: (kind, id) => {
      const first = layout.rulesetRow(1, 1);
      if (kind === 'ruleset') return { policy: id === first ? 'default' : 'other' };
      return { name: `class${String(id & 0xffff)}` };
    },
  };
}

t.test('by class, SLA, strand and home; both families', (t) => {
  const one = { wire: 1, strand: 4, home: 3, class_id: 0, sla: 2 };
  const learned = { wire: 1, strand: 3, class_id: layout.unclassified, sla: layout.stays };
  const counts = sessionCounts(
    planeOf(one, { ...one, wire: 2 }, { ...one, wire: 10 }, { ...one, home: 4 }, learned),
    1_000n * second,
  );
  t.strictSame(
    counts.toSorted((a, b) => (a.class < b.class ? -1 : a.home - b.home)),
    [
      { class: '', sla: layout.stays, strand: 3, home: 0, sessions: 1 },
      { class: 'default/class0', sla: 2, strand: 4, home: 3, sessions: 2 },
      { class: 'default/class0', sla: 2, strand: 4, home: 4, sessions: 1 },
      { class: 'other/class0', sla: 2, strand: 4, home: 3, sessions: 1 },
    ],
  );
  t.equal(sessionsOf(counts, 3), 4, 'those that are there, and those that belong there');
  t.equal(sessionsOf(counts, 4), 4);
  t.equal(sessionsOf(counts, 5), 0);
  t.end();
});

t.test('not those that are over', (t) => {
  const one = { wire: 1, strand: 4, home: 4, class_id: 0 };
  const counts = sessionCounts(
    planeOf(
      one,
      { ...one, flags: reset },
      { ...one, last_ns: 800n * second },
      { ...one, strand: 0 },
    ),
    1_000n * second,
  );
  t.equal(sessionsOf(counts, 4), 1);
  t.end();
});
