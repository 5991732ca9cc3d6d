// SPDX-License-Identifier: Apache-2.0
/** The page of an explanation. */
import t from 'tap';
import { paint } from '../paint.js';
import type { Explained } from './run.js';
import { explainedLines } from './view.js';

const plain = paint({ isTTY: false });
const answer = {
  rule: 'voice',
  class: 'low-latency',
  mark: 'cs5',
  strand: 'fibre-cloud/wan0',
  link: 'fibre',
  drop: null,
};
const candidate = { sharePercent: 100, down: [], chosen: false, state: 'up' } as const;
const found: Explained = {
  packet: {
    protocol: 'tcp',
    source: '172.16.0.3:40000',
    destination: '10.60.0.9:8000',
    dscp: 'ef',
    assumed: false,
  },
  wire: {
    id: '3f2a',
    client: 'sip',
    service: 'wan',
    interface: 'nsm-1',
    peer: 'cloud-forwarder',
    leader: true,
    payload: 'IP',
  },
  generation: 7,
  policy: { name: 'default', service: 'wan', from: 'text' },
  rules: [
    { rule: 'backup', match: 'to port 873', why: 'port 8000 is not 873' },
    { rule: 'voice', match: 'dscp ef', why: null },
  ],
  candidates: [
    {
      ...candidate,
      level: 1,
      of: 'low-latency',
      strand: answer.strand,
      link: 'fibre',
      chosen: true,
    },
    {
      ...candidate,
      level: 2,
      of: 'best-effort',
      strand: 'lte-cloud/wan1',
      link: 'lte',
      state: 'down',
      down: ['carrier', 'operator'],
    },
  ],
  pin: null,
  session: null,
  by: 'slot',
  slot: { number: 17, passed: 0 },
  answer,
  program: { id: 812, tag: '0123456789abcdef', ...answer },
  differences: [],
  notes: [],
  http: null,
};

t.strictSame(explainedLines(plain, found, true), [
  'tcp 172.16.0.3:40000 > 10.60.0.9:8000 dscp ef',
  'wire 3f2a: sip, service wan, nsm-1, to cloud-forwarder, leads',
  '',
  'policy default, generation 7',
  '  backup  port 8000 is not 873  to port 873',
  '  voice   fits                  dscp ef',
  'class low-latency: rule voice is the first that fits',
  '',
  'LEVEL  LINKS OF     STRAND            LINK   SHARE  STATE                    CHOSEN',
  '    1  low-latency  fibre-cloud/wan0  fibre  100 %  up                       this one',
  '    2  best-effort  lte-cloud/wan1    lte    100 %  down: carrier, operator  -',
  '',
  'no cached session',
  'strand fibre-cloud/wan0, link fibre: slot 17 of 64, outer DSCP cs5',
  'program wire_tx (id 812, tag 0123456789abcdef): the same',
]);
const page = (some: Partial<Explained>, all = false): string =>
  explainedLines(plain, { ...found, ...some }, all).join('\n');
t.match(
  page({}),
  /\n {2}voice {2}fits {2}dscp ef\nclass .* fits \(1 before do not: --all tells why\)\n/,
);
t.match(
  page({ rules: [], answer: { ...answer, rule: null } }),
  /class low-latency: no rule fits, so the default\n/,
);
const dropped = { ...answer, strand: null, link: null, drop: 'no-strand' } as const;
t.match(
  page({ candidates: [], answer: dropped, program: null, by: 'none', slot: null }),
  /no strand: none leads to the peer.*\n\nno cached session\ndropped: no-strand: no strand that the class permits can be used$/s,
);
t.match(
  page({ differences: ['strand: a by the tables, b by the program'] }),
  /ANOTHER ANSWER\n {2}strand: a by the tables, b by the program\n.*please report/,
);
const session = { strand: 'x', pinned: false, learned: false, current: false, ended: false };
const pin = { strand: 'x', usable: false };
t.match(
  page({ session, pin, by: 'slot', slot: { number: 3, passed: 64 } }),
  /pinned to x, which cannot be used: the policy chooses\ncached session on x, of tables .* anew\n.*slot 3 of 64, 64 slots passed over/,
);
t.match(page({ session: { ...session, ended: true } }), /whose connection is over/);
t.match(page({ notes: ['A note.'] }), /the same\n\nA note\.$/);
const http = {
  request: { headers: {}, method: 'GET', path: '/', host: '' },
  rule: 'boss',
  match: 'header user is boss',
  class: 'low-latency',
  mark: 46,
  otherwise: null,
  wire: { id: '1', interface: 'nsm-low', class: 'low-latency' },
} as const;
t.match(page({ http }), /http: rule boss .* by nsm-low, and marks it with dscp ef\n/);
t.match(
  page({ http: { ...http, wire: null, otherwise: 'refused' } }),
  /strict, so Envoy answers 503/,
);
t.match(page({ http: { ...http, rule: null, class: null } }), /http: no rule fits/);
