// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import type { RuleMatch, SteeringPolicy } from '../../api/site/types.js';
import { dimensions, limits } from '../../bpf/loader/layout.js';
import {
  labelSets,
  pick,
  randomPacket,
  randomPolicy,
  seeded,
} from '../../test/bpf/model-random.js';
import { addressBytes, classify, type ModelPacket } from '../../test/bpf/model.js';
import { compile, type CompiledRules } from './compile.js';

/** A policy of such rules, all of class `bulk`. */
function policyOf(...matches: Partial<RuleMatch>[]): SteeringPolicy {
  const nothing: RuleMatch = {
    dscp: [],
    protocols: [],
    sourcePorts: [],
    destinationPorts: [],
    sources: [],
    destinations: [],
    clientLabels: {},
    identities: [],
  };
  return {
    name: 'test',
    services: ['wan'],
    classes: [],
    rules: matches.map((match, at) => ({
      name: `rule-${String(at)}`,
      match: { ...nothing, ...match },
      class: 'bulk',
      mark: undefined,
    })),
    httpRules: [],
    default: 'best-effort',
  };
}

/** The tables as text: each criterion with the numbers of its rules. */
function told({ criteria }: CompiledRules): string[] {
  const names = Object.keys(dimensions);
  return criteria.map(({ dimension, length, data, bits }) => {
    const hex = Buffer.from(data).toString('hex');
    return `${names[dimension] ?? '?'} ${hex}/${String(length)}: ${rulesIn(bits).join(' ')}`;
  });
}

function rulesIn(bits: readonly bigint[]): number[] {
  const rules: number[] = [];
  for (const [at, word] of bits.entries()) {
    for (let bit = 0; bit < 64; bit++) {
      if (((word >> BigInt(bit)) & 1n) === 1n) rules.push(64 * at + bit);
    }
  }
  return rules;
}

function masked({ dimensionsMask }: CompiledRules): string[] {
  return Object.entries(dimensions)
    .filter(([, bit]) => (dimensionsMask & (1 << bit)) !== 0)
    .map(([name]) => name);
}

t.test('prefixes hold the rules of shorter ones, and the empty one those without', (t) => {
  const compiled = compile(
    policyOf(
      { destinations: ['10.0.0.0/8'] },
      { destinations: ['10.60.0.0/16', '192.0.2.1/32'] },
      { destinations: ['0.0.0.0/0'] },
      { dscp: [46] },
      { destinations: ['10.60.0.0/16', 'fd00::/8'] },
    ),
  );
  t.strictSame(told(compiled), [
    'destination4 00000000/0: 2 3',
    'destination4 0a000000/8: 0 2 3',
    'destination4 0a3c0000/16: 0 1 2 3 4',
    'destination4 c0000201/32: 1 2 3',
    'destination6 00000000000000000000000000000000/0: 3',
    'destination6 fd000000000000000000000000000000/8: 3 4',
  ]);
  t.strictSame(masked(compiled), ['destination4', 'destination6', 'dscp']);
  t.end();
});

t.test('a prefix of odd length holds what begins so, and no neighbour', (t) => {
  const compiled = compile(
    policyOf(
      { sources: ['10.0.0.0/9'] },
      { sources: ['10.127.0.0/16'] },
      { sources: ['10.128.0.0/16'] },
    ),
  );
  t.strictSame(told(compiled).slice(0, 4), [
    'source4 00000000/0: ',
    'source4 0a000000/9: 0',
    'source4 0a7f0000/16: 0 1',
    'source4 0a800000/16: 2',
  ]);
  t.end();
});

t.test('a range of ports is the fewest prefixes', (t) => {
  const compiled = compile(
    policyOf(
      { destinationPorts: [{ from: 8000, to: 8999 }] },
      { destinationPorts: [{ from: 8080, to: 8080 }] },
      { destinationPorts: [{ from: 0, to: 65535 }] },
    ),
  );
  t.strictSame(told(compiled), [
    'destinationPort 0000/0: ',
    'destinationPort 0000/1: 2',
    'destinationPort 1f40/10: 0 2',
    'destinationPort 1f80/9: 0 2',
    'destinationPort 1f90/16: 0 1 2',
    'destinationPort 2000/7: 0 2',
    'destinationPort 2200/8: 0 2',
    'destinationPort 2300/11: 0 2',
    'destinationPort 2320/13: 0 2',
    'destinationPort 8000/1: 2',
  ]);
  t.end();
});

t.test('exact fields are told for each value, or not at all', (t) => {
  const { exact, dimensionsMask } = compile(policyOf({ dscp: [46, 0] }, { dscp: [0] }));
  t.equal(exact.size, 64, 'protocols are not asked for');
  t.strictSame(rulesIn(exact.get(0) ?? []), [0, 1]);
  t.strictSame(rulesIn(exact.get(46) ?? []), [0]);
  t.strictSame(rulesIn(exact.get(1) ?? []), []);
  t.equal(dimensionsMask, 1 << dimensions.dscp);

  const protocols = compile(policyOf({ protocols: [255] }, { dscp: [1] })).exact;
  t.equal(protocols.size, limits.exact);
  t.strictSame(rulesIn(protocols.get(64 + 255) ?? []), [0, 1]);
  t.strictSame(rulesIn(protocols.get(64) ?? []), [1]);
  t.end();
});

t.test('labels', (t) => {
  const { labelBits, dimensionsMask } = compile(
    policyOf(
      { clientLabels: { app: 'sensor' } },
      { dscp: [1] },
      { clientLabels: { constructor: '' } },
    ),
  );
  t.ok(dimensionsMask & (1 << dimensions.labels));
  t.strictSame(rulesIn(labelBits({ app: 'sensor', more: 'x' })), [0, 1]);
  t.strictSame(rulesIn(labelBits({ app: 'camera' })), [1]);
  t.strictSame(rulesIn(labelBits({ constructor: '' })), [1, 2]);
  t.end();
});

t.test('classes, marks and a policy without rules', (t) => {
  const policy = policyOf({ dscp: [46] }, { dscp: [0] });
  const [first, second] = policy.rules;
  const listed = {
    name: 'listed',
    links: [],
    sla: undefined,
    fallback: ['only-a-link'],
    strict: false,
  };
  const compiled = compile({
    ...policy,
    classes: [listed],
    rules: [
      ...(first === undefined ? [] : [{ ...first, class: 'listed', mark: 8 }]),
      ...(second === undefined ? [] : [{ ...second, class: 'another' }]),
    ],
  });
  t.strictSame(compiled.classNames, ['listed', 'another', 'best-effort', 'only-a-link']);
  t.strictSame(compiled.rules, [
    { classId: 0, mark: 8 },
    { classId: 1, mark: 255 },
  ]);
  t.equal(compiled.defaultClass, 2);

  const none = compile(policyOf());
  t.strictSame([none.rules, none.dimensionsMask, none.criteria], [[], 0, []]);
  t.end();
});

t.test('a rule without criteria fits everything, whatever the others ask for', (t) => {
  for (const others of [[], [{ dscp: [46] }]]) {
    const policy = policyOf(...others, {});
    const packet = randomPacket(seeded(1), policyOf({ dscp: [1] }));
    const verdict = asProgram(compile(policy), packet, {});
    t.equal(verdict, others.length, 'the last rule');
  }
  t.end();
});

t.test('1,023 rules, and no more', (t) => {
  const match = { dscp: [1] };
  const most = Array.from({ length: 1023 }, () => match);
  const compiled = compile(policyOf(...most));
  t.equal(rulesIn(compiled.exact.get(1) ?? []).at(-1), 1022);
  t.throws(() => compile(policyOf(...most, match)), /at most 1023 rules/);
  t.end();
});

t.test('a client is whom its certificate names, whatever its labels say', (t) => {
  const { labelBits, dimensionsMask } = compile(
    policyOf(
      { identities: ['spiffe://edge.example/nsc/*', 'spiffe://cloud.example/**'] },
      { identities: ['spiffe://edge.example/nsc/a'], clientLabels: { app: 'sip' } },
      { dscp: [46] },
    ),
  );
  t.ok(dimensionsMask & (1 << dimensions.labels));
  const of = (identity?: string, labels = {}) => rulesIn(labelBits(labels, identity));
  t.strictSame(of('spiffe://edge.example/nsc/a'), [0, 2]);
  t.strictSame(of('spiffe://edge.example/nsc/a', { app: 'sip' }), [0, 1, 2]);
  t.strictSame(of('spiffe://edge.example/nsc/a/b', { app: 'sip' }), [2]);
  t.strictSame(of('spiffe://cloud.example/a/b'), [0, 2]);
  const lie = { identity: 'spiffe://edge.example/nsc/a', app: 'sip' };
  t.strictSame(of(undefined, lie), [2], 'labels prove nothing');
  t.end();
});

/** What the BPF program does with the tables; -1 is the default class. */
function asProgram(
  compiled: CompiledRules,
  packet: ModelPacket,
  labels: Readonly<Record<string, string>>,
): number {
  const six = packet.source.length === 16;
  const port = (number: number | undefined): Uint8Array =>
    number === undefined ? new Uint8Array(0) : Uint8Array.of(number >> 8, number & 255);
  const sets: Readonly<Record<string, () => readonly bigint[] | undefined>> = {
    [six ? 'source6' : 'source4']: () => longest(compiled, six ? 2 : 0, packet.source),
    [six ? 'destination6' : 'destination4']: () =>
      longest(compiled, six ? 3 : 1, packet.destination),
    sourcePort: () => longest(compiled, 4, port(packet.ports?.source)),
    destinationPort: () => longest(compiled, 5, port(packet.ports?.destination)),
    dscp: () => compiled.exact.get(packet.dscp),
    protocol: () => compiled.exact.get(64 + packet.protocol),
    labels: () => compiled.labelBits(labels),
  };
  const used = masked(compiled).filter((name) => Object.hasOwn(sets, name));
  if (compiled.rules.length === 0 || used.length === 0) return -1;
  const found = used.map((name) => sets[name]?.() ?? []);
  for (let word = 0; word < limits.words; word++) {
    let bits = found.reduce((all, set) => all & (set[word] ?? 0n), 2n ** 64n - 1n);
    for (let bit = 0; bits !== 0n; bit++, bits >>= 1n) if (bits & 1n) return 64 * word + bit;
  }
  return -1;
}

function longest({ criteria }: CompiledRules, dimension: number, data: Uint8Array) {
  let best: { readonly length: number; readonly bits: readonly bigint[] } | undefined;
  for (const one of criteria) {
    if (one.dimension !== dimension || one.length > 8 * data.length) continue;
    const differs = Array.from({ length: one.length }, (_, bit) => bit).some(
      (bit) => bitAt(one.data, bit) !== bitAt(data, bit),
    );
    if (!differs && one.length >= (best?.length ?? 0)) best = one;
  }
  return best?.bits;
}

function bitAt(data: Uint8Array, bit: number): number {
  return ((data[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1;
}

t.test('the tables say what the policy means, for random policies and packets', (t) => {
  let rules = 0;
  let wrong = 0;
  let all = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const random = seeded(seed);
    const policy = randomPolicy(random, pick(random, [0, 1, 3, 10, 40]));
    const compiled = compile(policy);
    for (let at = 0; at < 50; at++) {
      const packet = randomPacket(random, policy);
      const labels = pick(random, labelSets);
      const { rule } = classify(policy, packet, labels);
      const index = asProgram(compiled, packet, labels);
      all++;
      if (rule !== undefined) rules++;
      if (policy.rules[index]?.name !== rule) {
        wrong++;
        t.comment({ seed, packet, labels, rule, index });
      }
    }
  }
  t.equal(wrong, 0);
  t.ok(rules >= all / 2, `most packets reach a rule: ${String(rules)} of ${String(all)}`);
  t.end();
});

t.test('the model reads addresses', (t) => {
  t.strictSame(addressBytes('10.0.255.1'), [10, 0, 255, 1]);
  t.strictSame(addressBytes('::'), new Array(16).fill(0));
  t.strictSame(addressBytes('fd00::1').slice(-2), [0, 1]);
  t.strictSame(addressBytes('fd00::1').slice(0, 2), [0xfd, 0]);
  t.end();
});
