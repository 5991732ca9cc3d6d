// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import type { EngineStrand } from './engine.js';
import { profiles } from './profiles.js';
import type { LinkState, StrandState } from './states.js';
import { Stranded, type SessionCount } from './stranded.js';

const strand = (id: number, link: string, metered: boolean): EngineStrand => ({
  id,
  name: `${link}-wan0`,
  link,
  peer: 'cloud',
  settings: profiles.fixed,
  metered,
});
const strands = new Map(
  [strand(1, 'fibre', false), strand(2, 'lte', true)].map((one) => [one.id, one]),
);
const stateOf = (strand: number, state: LinkState, more: Partial<StrandState> = {}) =>
  [
    strand,
    {
      strand,
      state,
      sinceMs: 0,
      why: '',
      breaks: [],
      spared: [],
      windowMs: 0,
      probes: 0,
      answers: 0,
      ...more,
    },
  ] as const;
const states = (state: LinkState, more?: Partial<StrandState>) =>
  new Map<number, StrandState>([stateOf(1, state, more), stateOf(2, 'up')]);
const away: SessionCount = { class: 'p/voice', sla: 3, strand: 2, home: 1, sessions: 7 };

t.test(
  'sessions that stay on a metered link are told after the limit, once, and again later',
  async (t) => {
    const stranded = new Stranded();
    const check = (seconds: number, counts = [away]) =>
      stranded.check(seconds * 1000, counts, strands, states('up'));
    t.same(check(0), []);
    t.same(check(59), []);
    t.same(check(60), [
      {
        atMs: 60_000,
        kind: 'stranded',
        strand: 2,
        name: 'lte-wan0',
        link: 'lte',
        peer: 'cloud',
        home: 'fibre-wan0',
        class: 'p/voice',
        sessions: 7,
        why: 'lte is metered, and fibre-wan0 has been fit for them for 60 s',
      },
    ]);
    t.same(check(119), []);
    t.match(check(121, [{ ...away, sessions: 2 }]), [{ sessions: 2, why: /for 121 s/ }]);
    t.same(check(130, []), [], 'they went home');
    t.same(check(140), []);
    t.same(check(199), [], 'and others came: their time begins anew');
    t.equal(check(200).length, 1);
  },
);

t.test(
  'nothing is wrong while the link is not fit for them, or they are where they should be',
  async (t) => {
    const cases: readonly (readonly [string, SessionCount, Map<number, StrandState>])[] = [
      ['down', away, states('down')],
      ['held', away, states('held')],
      ['unmeasured', away, states('unmeasured')],
      ['breaks its SLA', away, states('degraded', { breaks: [3] })],
      ['at home', { ...away, strand: 1 }, states('up')],
      ['home is metered, too', { ...away, home: 2 }, states('up')],
      ['pinned', { ...away, sla: 255 }, states('up')],
      ['none', { ...away, sessions: 0 }, states('up')],
      ['unknown', { ...away, home: 9 }, states('up')],
    ];
    for (const [name, count, found] of cases) {
      const stranded = new Stranded({ limitMs: 1000 });
      for (const atMs of [0, 1000, 5000]) {
        t.same(stranded.check(atMs, [count], strands, found), [], name);
      }
    }
  },
);

t.test('a link that breaks another SLA, or is spared, is fit', async (t) => {
  for (const more of [{ breaks: [4] }, { breaks: [3], spared: [3] }]) {
    const stranded = new Stranded({ limitMs: 1000 });
    stranded.check(0, [away], strands, states('degraded', more));
    t.equal(stranded.check(1000, [away], strands, states('degraded', more)).length, 1);
  }
});
