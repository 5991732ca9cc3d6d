// SPDX-License-Identifier: Apache-2.0
/** The order of pin, cached session, rules and slots. */
import t from 'tap';
import { defaultRule, noMark, sessionFlags, stays, type Session } from '../../bpf/loader/layout.js';
import { decide, type Question } from './decide.js';

const rules = { looked: [], rule: 2, classId: 1, className: 'bulk', mark: 8 };
/** Strand 5 for all; 6 after it. Strand 7 is of no class. */
const levels = [new Array<number>(64).fill(5), new Array<number>(64).fill(6)];
const question: Question = {
  random: 130,
  generation: 9,
  pin: 0,
  session: undefined,
  rules,
  levels: (classId) => (classId === 1 ? { slots: levels, soft: 1, sla: 3 } : undefined),
  usable: (strand) => strand !== 0,
  avoid: () => 0,
};
const session = (of: Partial<Session>): Session => ({
  generation: 9,
  strand: 6,
  class_id: 3,
  rule: defaultRule,
  mark: noMark,
  flags: 0,
  moves: 0,
  dscp: 255,
  sla: 0,
  home: of.strand ?? 6,
  pad: 0,
  slice: 0,
  tx_packets: 0n,
  tx_bytes: 0n,
  rx_packets: 0n,
  rx_bytes: 0n,
  last_ns: 0n,
  ...of,
});
const { pinned, learned, reset, finIn, finOut } = sessionFlags;
const up = (...strands: readonly number[]) => ({ usable: (one: number) => strands.includes(one) });

const avoid = (bits: Readonly<Record<number, number>>) => ({
  avoid: (strand: number) => bits[strand] ?? 0,
});

const cases: readonly (readonly [what: string, asked: Partial<Question>, wanted: object])[] = [
  ['a slot', {}, { by: 'slot', strand: 5, rule: 2, classId: 1, mark: 8, slot: { slot: 2 } }],
  ['a fallback', up(6), { by: 'slot', strand: 6, slot: { level: 1, passed: 64 } }],
  ['none left', up(7), { by: 'none', strand: 0, drop: 'no-strand', rule: 2 }],
  ['no tables', { rules: undefined }, { by: 'none', drop: 'no-policy' }],
  [
    'no class for this peer',
    { rules: { ...rules, classId: 4 } },
    { by: 'none', drop: 'no-policy', classId: 4 },
  ],
  ['a pin, with the rule it fits', { pin: 7 }, { by: 'pin', strand: 7, rule: 2, mark: 8 }],
  ['a pin to what is down', { pin: 7, ...up(5) }, { by: 'slot', strand: 5 }],
  ['a pin without tables', { pin: 7, rules: undefined }, { by: 'pin', strand: 7 }],
  ['a session', { session: session({}) }, { by: 'session', strand: 6, classId: 3, mark: noMark }],
  ['one of tables that are past', { session: session({ generation: 8 }) }, { by: 'slot' }],
  ['one whose strand is down', { session: session({}), ...up(5) }, { by: 'slot', strand: 5 }],
  [
    'a learned one, of any tables',
    { session: session({ generation: 1, flags: learned }) },
    { by: 'learned', strand: 6 },
  ],
  [
    'a pinned one',
    { pin: 6, session: session({ flags: pinned }) },
    { by: 'pin', strand: 6, classId: 3 },
  ],
  ['one that is pinned no more', { session: session({ flags: pinned }) }, { by: 'slot' }],
  ['one that is pinned now', { pin: 7, session: session({}) }, { by: 'pin', strand: 7 }],
  ['what others avoid', avoid({ 5: 1 << 4 }), { by: 'slot', strand: 5 }],
  ['what is avoided, where there is but a last resort', avoid({ 5: 1 }), { strand: 5 }],
  [
    'what breaks the SLA, and a fallback',
    {
      ...avoid({ 5: 1 << 3 }),
      levels: () => ({ slots: levels, soft: 2, sla: 3 }),
    },
    { strand: 6, slot: { level: 1, passed: 64 } },
  ],
  [
    'a session on what is avoided',
    { session: session({ strand: 6 }), ...avoid({ 6: 1 }) },
    { by: 'slot', strand: 5 },
  ],
  [
    'one with nothing better',
    { session: session({ strand: 6 }), ...avoid({ 5: 1, 6: 1 }) },
    { by: 'slot', strand: 6, slot: { level: 1 } },
  ],
  [
    'a learned one on what is avoided',
    { session: session({ flags: learned, sla: stays }), ...avoid({ 6: 1 }) },
    { by: 'learned', strand: 6 },
  ],
  [
    'one that is not at home',
    { session: session({ home: 5 }) },
    { by: 'home', strand: 5, classId: 3 },
  ],
  [
    'one whose home is avoided',
    { session: session({ home: 5, sla: 3 }), ...avoid({ 5: 1 << 3 }) },
    { by: 'slot', strand: 6 },
  ],
  ['a session that was reset', { session: session({ flags: reset }) }, { by: 'slot', strand: 5 }],
  ['one that is closed', { session: session({ flags: finIn | finOut }) }, { by: 'slot' }],
  ['one that is over on one side', { session: session({ flags: finIn }) }, { by: 'slot' }],
];
for (const [what, asked, wanted] of cases) t.match(decide({ ...question, ...asked }), wanted, what);
