// SPDX-License-Identifier: Apache-2.0
/** Both ways to find the rule, the policy's text and its tables, against the model. */
import t from 'tap';
import type { SteeringPolicy } from '../../api/site/types.js';
import * as layout from '../../bpf/loader/layout.js';
import { compile } from '../../forwarder/steering/compile.js';
import {
  labelSets,
  pick,
  randomPacket,
  randomPolicy,
  seeded,
} from '../../test/bpf/model-random.js';
import { classify, type ModelPacket } from '../../test/bpf/model.js';
import type { ReadMap } from '../plane/maps.js';
import { parsePacket, type Packet } from './packet.js';
import { ruleByPolicy } from './rule.js';
import { ruleByTables } from './tables.js';

const row = { generation: 5, policy: 3, wire: 9 };
const bank = row.generation & 1;
const at = layout.rulesetRow(bank, row.policy);
const names = { text: (kind: string, id: number) => `${kind} ${String(id)}` };

/** The maps that hold a policy for one client, with the kernel's longest prefix match. */
function tablesOf(policy: SteeringPolicy, labels: Readonly<Record<string, string>>) {
  const { rules, defaultClass, dimensionsMask, criteria, exact, labelBits } = compile(policy);
  const bitsOf = (word: readonly bigint[]): Buffer => layout.bits.encode({ word });
  const array = (of: (number: number) => Buffer | undefined) => (key: Uint8Array) =>
    of(layout.number32.decode(key).value);
  const lookups: Readonly<Record<string, (key: Uint8Array) => Buffer | undefined>> = {
    rulesets: array((number) =>
      number === at
        ? layout.ruleset.encode({
            rules: rules.length,
            default_class: defaultClass,
            dimensions: dimensionsMask,
          })
        : undefined,
    ),
    rules: array((number) => {
      const rule = rules[number - at * layout.limits.rules];
      return rule && layout.rule.encode({ class_id: rule.classId, mark: rule.mark });
    }),
    exact: array((number) => {
      const word = exact.get(number - at * layout.limits.exact);
      return word && bitsOf(word);
    }),
    wire_rules: (key) => {
      const { wire, bank: of } = layout.wireBank.decode(key);
      return wire === row.wire && of === bank ? bitsOf(labelBits(labels)) : undefined;
    },
    criteria: (key) => {
      const { length, table, data } = layout.criterion.decode(key);
      const fitting = criteria
        .filter((one) => layout.criterionTable(bank, row.policy, one.dimension) === table)
        .filter((one) => one.length <= length - 32 && begins(data, one.data, one.length))
        .toSorted((a, b) => b.length - a.length);
      return fitting[0] && bitsOf(fitting[0].bits);
    },
  };
  const map = (name: string) => ({ lookup: lookups[name] }) as unknown as ReadMap;
  return { map };
}

function begins(data: Uint8Array, prefix: Uint8Array, length: number): boolean {
  for (let bit = 0; bit < length; bit++) {
    const place = 0x80 >> (bit & 7);
    if (((data[bit >> 3] ?? 0) & place) !== ((prefix[bit >> 3] ?? 0) & place)) return false;
  }
  return true;
}

function packetOf({ source, destination, protocol, dscp, ports }: ModelPacket) {
  const wide = (bytes: Uint8Array): Uint8Array =>
    bytes.length === 16 ? bytes : Buffer.concat([mapped, bytes]);
  const port = (number = 0): Uint8Array => Uint8Array.of(number >> 8, number & 255);
  const flow = {
    protocol,
    source: wide(source),
    destination: wide(destination),
    source_port: port(ports?.source),
    destination_port: port(ports?.destination),
  };
  const family = source.length === 4 ? 4 : 6;
  return { flow, dscp, family } satisfies Pick<Packet, 'flow' | 'dscp' | 'family'>;
}
const mapped = Buffer.from('00000000000000000000ffff', 'hex');

t.test('text, tables and model have one answer', (t) => {
  const random = seeded(9);
  const seen = { default: 0, rule: 0, six: 0 };
  for (let n = 0; n < 40; n++) {
    const policy = randomPolicy(random, pick(random, [0, 1, 3, 8, 30, 70]));
    const labels = pick(random, labelSets);
    const tables = tablesOf(policy, labels);
    for (let m = 0; m < 25; m++) {
      const model = randomPacket(random, policy);
      const { rule, class: of } = classify(policy, model, labels);
      const packet = packetOf(model);
      const text = ruleByPolicy(policy, packet, labels);
      const wanted = rule === undefined ? layout.defaultRule : Number(rule.slice('rule-'.length));
      if (text.rule !== wanted || text.className !== of) {
        t.strictSame(text, { rule: wanted, class: of }, JSON.stringify({ policy, model, labels }));
      }
      const found = ruleByTables(tables, names, row, packet);
      if (found?.rule !== wanted || found.classId !== text.classId || found.mark !== text.mark) {
        t.strictSame(found, text, JSON.stringify({ policy, model, labels }));
      }
      if (found?.looked.some(({ why }, one) => (why === null) !== (text.looked[one]?.why === null)))
        t.strictSame(found.looked, text.looked, 'each rule before it is ruled out by both');
      seen[rule === undefined ? 'default' : 'rule']++;
      if (packet.family === 6) seen.six++;
    }
  }
  t.ok(seen.default > 100 && seen.rule > 300 && seen.six > 150, JSON.stringify(seen));
  t.end();
});

t.test('why a rule does not fit', (t) => {
  const nothing = {
    dscp: [],
    protocols: [],
    sourcePorts: [],
    destinationPorts: [],
    sources: [],
    destinations: [],
    clientLabels: {},
    identities: [],
  };
  const match = { ...nothing, dscp: [46], protocols: [6], clientLabels: { app: 'sip' } };
  const far = {
    ...nothing,
    destinations: ['10.61.0.0/16'],
    destinationPorts: [{ from: 1, to: 9 }],
  };
  const policy: SteeringPolicy = {
    name: 'p',
    services: ['wan'],
    classes: [],
    rules: [
      { name: 'voice', match, class: 'a', mark: 8 },
      { name: 'far', match: far, class: 'b', mark: undefined },
    ],
    httpRules: [],
    default: 'c',
  };
  const packet = parsePacket('udp 172.16.0.3:1 > 10.60.0.9:53 dscp cs1');
  t.strictSame(ruleByPolicy(policy, packet, { app: 'web' }), {
    looked: [
      { rule: 'voice', match: 'tcp, dscp ef, client app=sip', why: 'udp is not tcp' },
      {
        rule: 'far',
        match: 'to 10.61.0.0/16, to port 1-9',
        why: '10.60.0.9 is not in 10.61.0.0/16',
      },
    ],
    rule: layout.defaultRule,
    classId: 2,
    className: 'c',
    mark: layout.noMark,
  });
  const tables = tablesOf(policy, { app: 'web' });
  const first = at * layout.limits.rules;
  t.strictSame(ruleByTables(tables, names, row, packet)?.looked, [
    {
      rule: `rule ${String(first)}`,
      match: '',
      why: "not its protocol; not its DSCP; not its client's labels or identity",
    },
    {
      rule: `rule ${String(first + 1)}`,
      match: '',
      why: 'not its destination; not its destination port',
    },
  ]);
  const fits = parsePacket('tcp 172.16.0.3:1 > 10.60.0.9:53 dscp ef');
  t.match(ruleByPolicy(policy, fits, { app: 'sip' }), { rule: 0, className: 'a', mark: 8 });
  t.equal(ruleByTables(tables, names, { ...row, generation: 0 }, packet), undefined, 'no tables');
  t.end();
});
