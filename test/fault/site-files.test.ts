// SPDX-License-Identifier: Apache-2.0
/** Wrong site files at the real command: told with their lines, all at once, and nothing is started or changed. */
import t, { type Test } from 'tap';
import { randomUUID } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sandbox } from '../netns/sandbox.js';
import { forgetDataPlane, until, Up } from '../stage/up.js';

t.setTimeout(300_000);

function folder(t: Test): string {
  const path = mkdtempSync(`${tmpdir()}/ww-files-`);
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function site(name: string, links = '[{name: fibre, device: wan0, trusted: true}]'): string {
  return `apiVersion: wanwire.io/v1alpha1
kind: Site
metadata: {name: ${name}}
spec:
  links: ${links}
`;
}

const policy = `apiVersion: wanwire.io/v1alpha1
kind: SteeringPolicy
metadata: {name: default}
spec:
  services: [wan]
  rules:
    - {name: voice, match: {dscp: [ef]}, class: best-effort}
  default: best-effort
`;

/** Files of each kind of mistake, and what must be told of them. */
const mistakes: Readonly<
  Record<string, readonly [files: readonly (string | Buffer)[], told: readonly RegExp[]]>
> = {
  'several mistakes in two files': [
    [
      site(
        'edge',
        '\n    - {name: fibre, device: wan0, rateMbps: -1}\n    - {name: lte, device: wan1, trusted: maybe}',
      ),
      policy.replace('[ef]', '[64]').replace('default: best', 'default: worst'),
    ],
    [
      /^wanwire up: [4-9] mistakes in the site's files, nothing is started:$/m,
      /0\.yaml:6:\d+: spec\.links\[0\]\.rateMbps: -1 is not valid: want /,
      /0\.yaml:7:\d+: spec\.links\[1\]\.trusted: "maybe" is not valid: want /,
      /1\.yaml:7:\d+: spec\.rules\[0\]\.match\.dscp\[0\]: 64 is not valid: want /,
    ],
  ],
  'no YAML': [
    [site('edge').replace('{name: edge}', '{name: edge')],
    [/0\.yaml:\d+:\d+: is not valid YAML/],
  ],
  'no text at all': [[''], [/0\.yaml: has no document: want one with `kind: Site`/]],
  'bytes that are no text': [[Buffer.from([0xff, 0xfe, 0x00])], [/0\.yaml: is not UTF-8 text/]],
  'two sites': [
    [site('edge'), site('cloud')],
    [/1\.yaml:2:\d+: kind: .*no second Site beside that at/],
  ],
  'a policy alone': [[policy], [/there is no Site/]],
  'a field that is misspelt': [
    [site('edge').replace('device', 'devise')],
    [/spec\.links\[0\]\.devise: .*device/, /spec\.links\[0\]\.device: /],
  ],
  'a rule with a class that nothing is': [
    [site('edge'), policy.replace('class: best-effort}', 'class: bset-effort}')],
    [/1\.yaml:7:\d+: spec\.rules\[0\]\.class: "bset-effort" is not valid: want /],
  ],
};

/** It has ended; all of its words may come a moment later. */
async function endedSaying(up: Up, told: readonly (RegExp | string)[]): Promise<number | null> {
  const code = await up.ended;
  const said = (one: RegExp | string) =>
    typeof one === 'string' ? up.err.includes(one) : one.test(up.err);
  // What never comes is told by who asserts it.
  await until('its words', () => told.every(said), 10_000).catch(() => undefined);
  return code;
}

t.test('each kind of mistake, at the start', async (t) => {
  for (const [name, [files, told]] of Object.entries(mistakes)) {
    await t.test(name, async (t) => {
      const here = folder(t);
      const paths = files.map((text, at) => {
        const path = join(here, `${String(at)}.yaml`);
        writeFileSync(path, text);
        return path;
      });
      const directory = join(here, 'run');
      const up = new Up({ files: paths, directory });
      t.equal(await endedSaying(up, told), 78);
      t.equal(up.out, '');
      for (const one of told) t.match(up.err, one);
      t.notMatch(up.err, /^ +at /m, 'no stack');
      t.strictSame(
        readdirSync(here).sort(),
        paths.map((_, at) => `${String(at)}.yaml`),
        'nothing is made',
      );
    });
  }
});

t.test('a file that is not there, and none at all', async (t) => {
  const here = folder(t);
  const missing = new Up({ files: [join(here, 'site.yaml')], directory: join(here, 'run') });
  const unread = /site\.yaml: cannot be read: ENOENT/;
  t.equal(await endedSaying(missing, [unread]), 78);
  t.match(missing.err, unread);
  const none = new Up({ files: [], directory: join(here, 'run') });
  const usage = 'wanwire up -f site.yaml';
  t.equal(await endedSaying(none, [usage]), 64);
  t.match(none.err, usage);
});

t.test('a wrong environment', async (t) => {
  const here = folder(t);
  const path = join(here, 'site.yaml');
  writeFileSync(path, site('edge'));
  const env = { WANWIRE_HOLD: 'long', NSM_LOG_LEVEL: 'LOUD' };
  const up = new Up({ files: [path], directory: join(here, 'run'), env });
  const told = ['WANWIRE_HOLD="long"', 'NSM_LOG_LEVEL="LOUD"'];
  t.equal(await endedSaying(up, told), 78);
  for (const one of told) t.match(up.err, one);
});

t.test('files that change in every way, while it runs', async (t) => {
  const here = folder(t);
  const { path: netns, ip } = await sandbox(t);
  await ip('link', 'set', 'lo', 'up');
  const name = `t${randomUUID().slice(0, 6)}`;
  t.teardown(() => forgetDataPlane(name));
  const gateway = '  gateway: {prefixes: [["172.16.0.0/16"]], routes: []}\n';
  const link = (one: string): string => `[{name: ${one}, device: wan0, trusted: true}]`;
  const text = (one: string): string => site(name, link(one)) + gateway;
  const path = join(here, 'site.yaml');
  writeFileSync(path, text('first'));
  await using up = await Up.start({ netns, files: [path], directory: join(here, 'run') });
  const before = up.processes;
  const complaints = (): number => up.err.match(/nothing is changed/g)?.length ?? 0;
  const shows = (one: string) =>
    until(`link ${one}`, async () => `${name}-wan-${one}` in (await up.endpoints()));
  await shows('first');

  const steps: readonly (readonly [string, () => void, string | undefined])[] = [
    ['written half', () => writeFileSync(path, text('half').slice(0, 90)), undefined],
    ['written whole', () => writeFileSync(path, text('second')), 'second'],
    ['removed', () => rmSync(path), undefined],
    ['there again', () => writeFileSync(path, text('third')), 'third'],
    [
      'a folder in its place',
      () => {
        rmSync(path);
        mkdirSync(path);
      },
      undefined,
    ],
    [
      'another one under its name',
      () => {
        rmSync(path, { recursive: true });
        writeFileSync(`${path}.new`, text('fourth'));
        renameSync(`${path}.new`, path);
      },
      'fourth',
    ],
    [
      'a link in its place',
      () => {
        writeFileSync(join(here, 'elsewhere.yaml'), text('fifth'));
        rmSync(path);
        symlinkSync('elsewhere.yaml', path);
      },
      'fifth',
    ],
    [
      'what the link leads to, wrong',
      () => writeFileSync(join(here, 'elsewhere.yaml'), 'x: ['),
      undefined,
    ],
    ['and right', () => writeFileSync(join(here, 'elsewhere.yaml'), text('sixth')), 'sixth'],
  ];
  let now = 'first';
  for (const [what, change, becomes] of steps) {
    const told = complaints();
    change();
    if (becomes === undefined) {
      await until(`a complaint: ${what}`, () => complaints() > told);
      t.ok(`${name}-wan-${now}` in (await up.endpoints()), `${what}: changes nothing`);
    } else {
      await shows(becomes);
      t.notOk(`${name}-wan-${now}` in (await up.endpoints()), `${what}: is applied`);
      now = becomes;
    }
  }
  t.strictSame(up.processes, before, 'by the processes that there were');
});
