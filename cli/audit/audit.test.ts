// SPDX-License-Identifier: Apache-2.0
/** The join, case by case: what was told and logged, and the verdict. Times in milliseconds. */
import t from 'tap';
import type { SessionEvent } from '../../forwarder/operator/session-event.js';
import {
  change,
  destination,
  look,
  policyText,
  policyYaml,
  request,
  source,
} from '../../test/doubles/audited.js';
import { Audit, usualLimits, usualTimes } from './audit.js';
import type { LoggedRequest } from './entry.js';
import type { Look } from './link-book.js';
import type { Verdict } from './types.js';

const start = 1_000_000;

interface Case {
  readonly name: string;
  readonly events: readonly SessionEvent[];
  readonly request: LoggedRequest;
  /** All links can be used, where not given. */
  readonly looks?: readonly Look[];
  /** Until when the forwarder has told all. */
  readonly confirmed?: number;
  readonly want: readonly [verdict: Verdict, links: readonly string[], reason?: RegExp];
}

/** Looks at all links, every 50 ms, with `down` not to be used from one time to another. */
function looks(from: number, to: number, down = '', downFrom = 0, downTo = Infinity): Look[] {
  const all: Look[] = [];
  for (let at = from; at <= to; at += 50) {
    all.push(look(at, ...(at >= downFrom && at < downTo ? [down] : [])));
  }
  return all;
}

const usualLooks = looks(start, start + 20_000);
const at = (ms: number): number => start + ms;
const boss = (from: number, to: number, more: Partial<LoggedRequest> = {}) =>
  request('boss', at(from), at(to), more);
const other = { id: 'w-2', client: 'nsc', service: 'wan@cloud', interface: 'nsm-1' };

const cases: readonly Case[] = [
  {
    name: 'a connection made for the request',
    events: [change('create', at(1_002), 'fibre')],
    request: boss(1_000, 1_020, { sent: at(1_004), from: at(1_004) }),
    want: ['right', ['fibre']],
  },
  {
    name: 'a pooled connection, many requests later',
    events: [change('create', at(100), 'fibre')],
    request: boss(9_000, 9_001),
    want: ['right', ['fibre']],
  },
  {
    name: 'a session that was there when the audit began',
    events: [change('present', at(10), 'fibre')],
    request: boss(1_000, 1_001),
    want: ['right', ['fibre']],
  },
  {
    name: 'a request that began before its session was known',
    events: [change('present', at(1_000), 'fibre')],
    request: boss(500, 1_500),
    want: ['unknown', [], /its beginning is not known/],
  },
  {
    name: 'the other link, while its own could be used',
    events: [change('create', at(900), 'lte')],
    request: boss(1_000, 1_100),
    want: ['wrong', ['lte'], /sent over nsm-low .* on lte, while fibre could be used/],
  },
  {
    name: 'a link of the fallback class, while its own could not be used',
    events: [change('create', at(900), 'lte')],
    request: boss(1_000, 1_100),
    looks: looks(start, at(3_000), 'fibre', at(800)),
    want: ['fallback', ['lte']],
  },
  {
    name: 'any other link only when the fallback cannot be used either',
    events: [change('create', at(900), 'spare')],
    request: boss(1_000, 1_100),
    looks: looks(start, at(3_000), 'fibre', at(800)),
    want: ['wrong', ['spare'], /while fibre, lte could be used/],
  },
  {
    name: 'a link of no class of it, when no other could be used',
    events: [change('create', at(900), 'spare')],
    request: boss(1_000, 1_100),
    looks: Array.from({ length: 60 }, (_, n) => look(at(50 * n), 'fibre', 'lte')),
    want: ['fallback', ['spare']],
  },
  {
    name: 'a strict class never uses another link',
    events: [change('create', at(900), 'fibre')],
    request: request('minion', at(1_000), at(1_100), {
      http: { method: 'GET', path: '/batch/1', host: 'x', headers: {} },
    }),
    looks: looks(start, at(3_000), 'spare', at(0)),
    want: ['wrong', ['fibre'], /private is strict/],
  },
  {
    name: 'another link, and nobody looked whether its own could be used',
    events: [change('create', at(900), 'lte')],
    request: boss(1_000, 1_100),
    looks: [...looks(start, at(200)), ...looks(at(2_500), at(3_000))],
    want: ['unknown', ['lte'], /whether fibre could be used then is not known/],
  },
  {
    name: 'cut in mid-request: it moves to the fallback',
    events: [
      change('create', at(900), 'fibre'),
      change('move', at(2_000), 'lte', { from: 'fibre' }),
    ],
    request: boss(1_000, 3_000),
    looks: looks(start, at(3_100), 'fibre', at(2_040)),
    want: ['fallback', ['fibre', 'lte']],
  },
  {
    name: 'there and back again',
    events: [
      change('create', at(900), 'fibre'),
      change('move', at(2_000), 'lte', { from: 'fibre' }),
      change('move', at(2_500), 'fibre', { from: 'lte' }),
    ],
    request: boss(1_000, 3_000),
    looks: looks(start, at(3_100), 'fibre', at(2_000), at(2_500)),
    want: ['fallback', ['fibre', 'lte', 'fibre']],
  },
  {
    name: 'moved away from its own link, which could be used',
    events: [
      change('create', at(900), 'fibre'),
      change('move', at(2_000), 'lte', { from: 'fibre' }),
    ],
    request: boss(1_000, 3_000),
    want: ['wrong', ['fibre', 'lte'], /while fibre could be used/],
  },
  {
    name: 'its first packet brings an idle session back: no packet went by the fallback',
    events: [change('create', at(100), 'lte'), change('move', at(1_003), 'fibre', { from: 'lte' })],
    request: boss(1_000, 1_200),
    want: ['right', ['fibre']],
  },
  {
    name: 'the session was over, and its port is used again',
    events: [
      change('create', at(100), 'lte'),
      change('close', at(500), 'lte'),
      change('create', at(900), 'fibre'),
    ],
    request: boss(1_000, 1_100),
    want: ['right', ['fibre']],
  },
  {
    name: 'the connection ended with the request',
    events: [change('create', at(900), 'fibre'), change('close', at(1_090), 'fibre')],
    request: boss(1_000, 1_100),
    want: ['right', ['fibre']],
  },
  {
    name: 'no rule: what the rules of the node decided',
    events: [change('create', at(900), 'lte', { wire: other, class: 'best-effort' })],
    request: request('minion', at(1_000), at(1_100)),
    want: ['right', ['lte']],
  },
  {
    name: 'no http rule, but one of the node',
    events: [
      change('create', at(900), 'lte', { wire: other, class: 'low-latency', rule: 'voice' }),
    ],
    request: request('minion', at(1_000), at(1_100)),
    want: ['wrong', ['lte'], /by rule voice on lte/],
  },
  {
    name: 'no rule, over the wire of a class that is not the default',
    events: [change('create', at(900), 'fibre')],
    request: request('minion', at(1_000), at(1_100)),
    want: ['wrong', ['fibre'], /sent over nsm-low .* on fibre, while lte could be used/],
  },
  {
    name: 'never had an upstream',
    events: [],
    request: boss(1_000, 1_001, { connection: undefined, details: 'no_healthy_upstream' }),
    want: ['no-upstream', [], /no_healthy_upstream/],
  },
  {
    name: 'a connection that no wire has',
    events: [change('create', at(900), 'fibre', { source: '172.16.0.1:40001' })],
    request: boss(1_000, 1_100),
    want: ['unknown', [], /no wire of these forwarders/],
  },
  {
    name: 'IPv6',
    events: [
      change('create', at(900), 'fibre', {
        source: '[fd00::1]:40000',
        destination: '[fd00:60::9]:80',
      }),
    ],
    request: boss(1_000, 1_100, {
      connection: { protocol: 'tcp', source: '[fd00::1]:40000', destination: '[fd00:60::9]:80' },
    }),
    want: ['right', ['fibre']],
  },
  {
    name: 'what the forwarder has not told yet may be a move',
    events: [change('create', at(900), 'fibre')],
    request: boss(1_000, 1_100),
    confirmed: at(1_050),
    want: ['unknown', [], /forwarder edge was not heard then/],
  },
  {
    name: 'two wires with this connection, right on one of them',
    events: [
      change('create', at(900), 'fibre'),
      change('create', at(910), 'lte', { wire: { ...other, client: 'other' } }),
    ],
    request: boss(1_000, 1_100),
    want: ['unknown', ['fibre'], /several wires/],
  },
  {
    name: 'a link that is not known',
    events: [change('create', at(900), 'dsl')],
    request: boss(1_000, 1_100),
    want: ['unknown', ['dsl'], /link dsl is not known/],
  },
];

for (const { name, events, want, ...given } of cases) {
  t.test(name, async (t) => {
    const audit = new Audit(['edge'], policyText());
    audit.hear(0, start);
    for (const event of events) audit.event(0, event);
    for (const one of given.looks ?? usualLooks) audit.look(0, one);
    audit.confirm(0, given.confirmed ?? at(60_000));
    audit.request(given.request, at(5_000));
    audit.drain();
    const [verdict, links, reason] = want;
    const { rows, total, findings, unknown } = audit.tally;
    const column = verdict === 'no-upstream' ? 'noUpstream' : verdict;
    t.equal(total[column], 1, `${verdict}: ${JSON.stringify([total, unknown, findings])}`);
    t.strictSame(rows[0]?.links, links);
    const told = [...findings.map((one) => one.reason), ...unknown.map((one) => one.reason)].join();
    if (reason !== undefined && verdict !== 'no-upstream') t.match(told, reason);
  });
}

/** An audit that hears, with all links as they should be. */
function hearing(limits = usualLimits): Audit {
  const audit = new Audit(['edge'], policyText(), { limits });
  audit.hear(0, start);
  for (const one of usualLooks) audit.look(0, one);
  return audit;
}

t.test('entries before the events, and events before the entries', async (t) => {
  for (const first of ['entry', 'event']) {
    const audit = hearing();
    const tell = (): void => audit.event(0, change('create', at(900), 'fibre'));
    if (first === 'event') tell();
    audit.request(boss(1_000, 1_100), at(1_200));
    audit.tick(at(1_200 + usualTimes.holdMs - 1));
    t.equal(audit.pending, 1, 'it waits');
    if (first === 'entry') tell();
    audit.confirm(0, at(1_900));
    audit.tick(at(1_200 + usualTimes.holdMs));
    t.match([audit.pending, audit.tally.total], [0, { requests: 1, right: 1 }], first);
  }
});

t.test('events that come even later are waited for, for a while', async (t) => {
  const audit = hearing();
  audit.request(boss(1_000, 1_100), at(1_200));
  audit.tick(at(1_200 + usualTimes.holdMs));
  t.equal(audit.pending, 1);
  audit.event(0, change('create', at(900), 'fibre'));
  audit.confirm(0, at(3_000));
  audit.tick(at(1_200 + usualTimes.patienceMs));
  t.match([audit.pending, audit.tally.total], [0, { right: 1 }]);
});

t.test('while the forwarder is away requests are unknown, and never right', async (t) => {
  const audit = hearing();
  audit.event(0, change('create', at(900), 'fibre'));
  audit.confirm(0, at(2_000));
  audit.lose(0);
  audit.request(boss(1_000, 1_100, { id: 'before' }), at(5_000));
  audit.request(boss(1_500, 2_500, { id: 'into' }), at(5_000));
  audit.request(boss(3_000, 3_100, { id: 'while' }), at(5_000));
  audit.hear(0, at(4_000));
  audit.event(0, change('present', at(4_001), 'fibre'));
  audit.confirm(0, at(9_000));
  audit.request(boss(4_100, 4_200, { id: 'after' }), at(5_000));
  audit.request(boss(3_500, 4_200, { id: 'out of' }), at(5_000));
  audit.drain();
  t.match(audit.tally.total, { requests: 5, right: 2, unknown: 3, wrong: 0 });
  t.equal(audit.witnesses[0]?.sessions.gaps, 1);
});

t.test('two hundred requests at once on one connection', async (t) => {
  const audit = hearing();
  audit.event(0, change('create', at(900), 'fibre'));
  for (let n = 0; n < 200; n++) audit.request(boss(1_000 + n, 2_000 + n), at(3_000));
  audit.confirm(0, at(9_000));
  audit.drain();
  t.match(audit.tally.total, { requests: 200, right: 200 });
});

t.test('a flood is bounded, and what there is no room for is counted', async (t) => {
  const audit = hearing({ ...usualLimits, waiting: 100, sessions: 50 });
  for (let n = 0; n < 1_000; n++) {
    const own = `172.16.0.1:${String(10_000 + n)}`;
    audit.event(0, change('create', at(900), 'fibre', { source: own }));
    audit.request(
      boss(1_000, 1_001, { connection: { protocol: 'tcp', source: own, destination } }),
      at(1_000),
    );
  }
  t.match([audit.pending, audit.overflow], [100, 900]);
  t.match(audit.witnesses[0]?.sessions, { size: 50, forgotten: 950 });
  const long = 'x'.repeat(1_000_000);
  const fresh = hearing();
  for (let n = 0; n < 50; n++) {
    fresh.request(
      boss(1_000, 1_001, { http: { method: 'GET', path: long, host: '', headers: {} } }),
      at(1_000),
    );
  }
  t.ok(fresh.pending < 40 && fresh.overflow > 10, 'long paths are fewer');
  const many = hearing();
  for (let n = 0; n < 2_500; n++) many.request(boss(1_000, 1_001), at(1_000));
  many.tick(at(9_000));
  t.equal(many.tally.total.requests + many.pending, 2_500);
  t.ok(many.pending >= 1_500, 'a flood is judged little by little');
  fresh.drain();
  fresh.request(boss(2_000, 2_001), at(2_000));
  t.equal(fresh.pending, 1, 'and there is room again');
});

t.test('a policy that changes: both count around the change', async (t) => {
  const swapped = policyYaml.replace('user: boss', 'user: minion');
  const audit = hearing();
  audit.event(0, change('create', at(100), 'fibre'));
  const lte = { source: '172.16.0.2:40000', wire: other, class: 'best-effort' };
  audit.event(0, change('create', at(100), 'lte', lte));
  audit.policy(policyText(swapped), at(5_000));
  audit.confirm(0, at(20_000));
  const viaLte = { connection: { protocol: 'tcp', source: lte.source, destination } } as const;
  audit.request(boss(1_000, 1_001), at(9_000));
  audit.request(boss(4_500, 4_501, viaLte), at(9_000));
  audit.request(boss(5_500, 5_501), at(9_000));
  audit.request(boss(8_000, 8_001, viaLte), at(9_000));
  audit.request(request('minion', at(8_000), at(8_001)), at(9_000));
  t.match(audit.policies.changes, 1);
  audit.drain();
  t.match(audit.tally.total, { requests: 5, right: 5 });
  audit.request(boss(9_000, 9_001), at(9_000));
  audit.drain();
  t.match(audit.tally.total, { wrong: 1 }, 'long after it the new one alone counts');
});

t.test('the route that Envoy took is held against the policy too', async (t) => {
  const audit = hearing();
  audit.event(0, change('create', at(900), 'fibre'));
  audit.confirm(0, at(9_000));
  const via = { protocol: 'tcp', source, destination } as const;
  audit.request(boss(1_000, 1_001, { route: 'rule:boss' }), at(2_000));
  audit.request(boss(1_000, 1_001, { route: 'somebody-elses' }), at(2_000));
  audit.request(boss(1_000, 1_001, { route: 'default', connection: via }), at(2_000));
  const bare = { method: 'GET', path: '/', host: 'x', headers: {} };
  audit.request(boss(1_000, 1_001, { route: 'rule:boss', http: bare }), at(2_000));
  audit.drain();
  const routes = audit.tally.findings.filter(({ kind }) => kind === 'route');
  t.match(
    routes.map(({ reason }) => reason),
    [/took it for no rule, by the policy it is rule boss/, /took it for rule boss, .* no rule/],
  );
  t.match(audit.hints, [/does not tell the header user/]);
});

t.test('the clock was set: what was known is not, and nothing is taken for right', async (t) => {
  const audit = hearing();
  audit.event(0, change('create', at(900), 'fibre'));
  audit.confirm(0, at(9_000));
  audit.clockSet(0);
  audit.lose(0);
  audit.request(boss(1_000, 1_100), at(2_000));
  audit.drain();
  t.match(audit.tally.total, { unknown: 1 });
});
