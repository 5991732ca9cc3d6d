// SPDX-License-Identifier: Apache-2.0
/** `wanwire replay` as a user sees it, of a simulated site's recording. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { JournalRecord } from '../../forwarder/quality/journal-record.js';
import { SimulatedSite } from '../../test/doubles/simulated-site.js';
import { exitCodes } from '../exit-codes.js';
import { command } from '../replay.js';

const voice = { number: 1, sla: { rttMs: 60, lossPercent: 1 }, names: ['default/voice'] };
const policy = (sla: string): string => `apiVersion: wanwire.io/v1alpha1
kind: SteeringPolicy
metadata: {name: default}
spec:
  services: [wan]
  classes:
    voice: {links: [{name: fibre}], fallback: [other]${sla}}
  default: voice
`;

/** A minute and a half: fibre loses 5 % for a minute. */
function recorded(): readonly JournalRecord[] {
  const site = new SimulatedSite({ groups: [voice], links: { fibre: {}, lte: {} } });
  site.run(15);
  site.link('fibre').lossOut = 0.05;
  site.run(60);
  site.link('fibre').lossOut = 0;
  site.run(60);
  // Of some day.
  return site.journal.map((record) => {
    const { atMs } =
      record.type === 'setup' ? record : record.type === 'sample' ? record.sample : record.event;
    return { ...record, wallMs: Date.UTC(2026, 10, 21) + atMs };
  });
}
const records = recorded();
const lines = records.map((record) => JSON.stringify(record));

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function replay(t: Test, ...args: readonly string[]): Promise<Said> {
  const [out, aside] = [t.capture(process.stdout, 'write'), t.capture(process.stderr, 'write')];
  const before = process.exitCode;
  process.exitCode = 0;
  try {
    await command().parseAsync([...args], { from: 'user' });
    const code = process.exitCode;
    const text = (calls: ReturnType<typeof out>): string =>
      calls.map(({ args: [part] }) => String(part)).join('');
    return { code, stdout: text(out()), stderr: text(aside()) };
  } finally {
    process.exitCode = before;
    out.restore();
    aside.restore();
  }
}

async function files(t: Test, texts: Readonly<Record<string, string>>) {
  const folder = t.testdir();
  for (const [name, text] of Object.entries(texts)) await writeFile(join(folder, name), text);
  return (name: string): string => join(folder, name);
}

t.test('by the same rules, the same decisions', async (t) => {
  const at = await files(t, { 'recorded.json': `${lines.join('\n')}\n` });
  const { code, stdout, stderr } = await replay(t, at('recorded.json'));
  t.equal(code, 0);
  t.equal(stderr, '');
  t.match(stdout, /^TIME +STRAND +RECORDED +REPLAYED +WHY$/m);
  t.match(stdout, /fibre +up > degraded +up > degraded +default\/voice: loss .*SLA 1 %\)$/m);
  const [, all, other, same] =
    /: (\d+) decisions recorded, (\d+) with the same rules; (\d+) of both are the same\n$/.exec(
      stdout,
    ) ?? [];
  t.ok(Number(all) >= 4, String(all));
  t.strictSame([all, all], [other, same]);
});

t.test('with another policy, side by side', async (t) => {
  const at = await files(t, {
    'recorded.json': `[\n${lines.join(',\n')}\n]\n`,
    'lax.yaml': policy(', sla: {lossPercent: 50}'),
    'none.yaml': policy(''),
  });
  const { code, stdout } = await replay(t, at('recorded.json'), '--policy', at('lax.yaml'));
  t.equal(code, 0);
  t.match(stdout, /fibre +up > degraded +- +default\/voice: loss /);
  t.match(stdout, /^fibre +default\/voice +1 +0 +\d+ (s|min) +0\.0 s$/m);
  t.match(stdout, /with the policy of .*lax\.yaml; 2 of both are the same\n$/);

  const json = JSON.parse(
    (await replay(t, at('recorded.json'), '--policy', at('lax.yaml'), '--json')).stdout,
  ) as { recorded: { events: unknown[] }; replayed: { events: { kind: string }[] }; same: number };
  t.ok(json.recorded.events.length > json.replayed.events.length);
  t.strictSame(
    json.replayed.events.map(({ kind }) => kind),
    ['up', 'up'],
  );
  t.equal(json.same, 2);

  const none = await replay(t, at('recorded.json'), '--policy', at('none.yaml'));
  t.equal(none.code, 0);
  t.match(none.stderr, /^wanwire: no class of .*none\.yaml has an sla\n$/);
});

t.test("with another site's numbers", async (t) => {
  const site = `apiVersion: wanwire.io/v1alpha1
kind: Site
metadata: {name: edge}
spec:
  links:
    - {name: fibre, device: wan0, trusted: true, profile: satellite, quality: {holdDownMs: 60000}}
`;
  const at = await files(t, { 'recorded.json': lines.join('\n'), 'site.yaml': site });
  const { code, stdout, stderr } = await replay(t, at('recorded.json'), '-f', at('site.yaml'));
  t.equal(code, 0);
  t.equal(stderr, 'wanwire: lte: not a link of site edge, so as recorded\n');
  t.match(stdout, /with the links of .*site\.yaml; /);
  t.match(stdout, /fibre +degraded > returning +- /, 'it is held back for longer');
});

t.test('an SLA is that of strands which its classes may use', async (t) => {
  const site = `apiVersion: wanwire.io/v1alpha1
kind: Site
metadata: {name: edge}
spec:
  links:
    - {name: fibre, device: wan0, trusted: true}
    - {name: lte, device: wan1, class: other, trusted: true}
`;
  const only = policy(', sla: {rttMs: 1}').replace(', fallback: [other]', '');
  const at = await files(t, {
    'recorded.json': lines.join('\n'),
    'both.yaml': `${site}---\n${policy(', sla: {rttMs: 1}')}`,
    'site.yaml': site,
    'only.yaml': only,
  });
  const kinds = async (...args: readonly string[]): Promise<string[]> => {
    const { stdout } = await replay(t, at('recorded.json'), '--json', ...args);
    const { replayed } = JSON.parse(stdout) as {
      replayed: { events: { kind: string; name: string }[] };
    };
    const worse = replayed.events.filter(({ kind }) => kind === 'degraded');
    return [...new Set(worse.map(({ name }) => name))].toSorted();
  };
  t.strictSame(await kinds('--policy', at('both.yaml')), ['fibre', 'lte']);
  t.strictSame(await kinds('--policy', at('only.yaml'), '-f', at('site.yaml')), ['fibre']);
});

t.test('mistakes of a recording, each with its line', async (t) => {
  const [setup = '', sample = '', ...rest] = lines;
  const cases: readonly (readonly [text: string, mistakes: readonly RegExp[]])[] = [
    [
      `${setup}\n{"type":"sam\n${sample}\n`,
      [/^.*:2: "\{\\"type\\":\\"sam" is not valid: want one JSON object a line, as /],
    ],
    [
      `${setup}\n${sample.replace('"sent":', '"sended":')}\n{"type":"x"}\n7\n`,
      [
        /:2: sample\.sent: nothing is not valid: want a number$/,
        /:3: type: "x" is not valid: want setup, sample or event$/,
        /:4: 7 is not valid: want a record, an object$/,
      ],
    ],
    [
      `[${setup},\n  {"type":\n "event"},\n{"a": [1, "]"]}\n]`,
      [/:2: wallMs: nothing is/, /:2: event: nothing is/, /:4: type: nothing is/],
    ],
    [`[${setup}, {"type": "sam`, [/:1: "\{\\"type\\": \\"sam" is not valid/]],
    [
      `${sample}\n${setup}\n`,
      [/samples before its first setup: want what `wanwire events --json`/],
    ],
    [`${setup}\n`, [/it has no samples: want what/]],
    ['', [/it has no samples/]],
    ['x\n'.repeat(30), [...Array<RegExp>(20).fill(/:\d+: "x" is not/), /and 10 more mistakes$/]],
  ];
  for (const [text, mistakes] of cases) {
    const at = await files(t, { 'recorded.json': text });
    const { code, stdout, stderr } = await replay(t, at('recorded.json'));
    t.equal(code, exitCodes.data);
    t.equal(stdout, '');
    const told = stderr.trimEnd().split('\n');
    t.match(told, mistakes);
    t.equal(told.length, mistakes.length, stderr);
  }
  t.ok(rest.length > 100);
  const { code, stderr } = await replay(t, '/nowhere.json');
  t.match({ code, stderr }, { code: exitCodes.data, stderr: /^\/nowhere\.json: cannot be read: / });
});

t.test('mistakes of the policy', async (t) => {
  const at = await files(t, { 'recorded.json': lines.join('\n'), 'p.yaml': policy(', sla: {}') });
  const { code, stderr } = await replay(t, at('recorded.json'), '--policy', at('p.yaml'));
  t.equal(code, exitCodes.data);
  t.match(stderr, /p\.yaml:7:\d+: spec\.classes\.voice\.sla: \{\} is not valid: want at least one/);
});
