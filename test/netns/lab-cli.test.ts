// SPDX-License-Identifier: Apache-2.0
/** `wanwire lab` as a user types it. */
import t from 'tap';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeFile } from 'node:fs/promises';
import { defaultLab } from '../../lab/default.js';
import { Lab } from '../../lab/lab.js';
import { newName, star, tracesOf } from './labs.js';
import { command as built } from '../stage/command.js';

const main = built();

function start(args: readonly string[]) {
  return spawn(process.execPath, [main, 'lab', ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
}

async function lab(args: readonly string[], input = '') {
  const child = start(args);
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [out, err, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { code, out, err };
}

t.test('a lab from the template, from up to down', async (t) => {
  const name = newName();
  t.teardown(() => Lab.down(name));
  const { out: template } = await lab(['template']);
  const file = join(t.testdir(), 'lab.yaml');
  await writeFile(
    file,
    template.replace('name: default', `name: ${name}`).replace('# delay: 5ms', 'delay: 5ms'),
  );

  const up = await lab(['up', '--file', file]);
  t.match(up, { code: 0, err: '' });
  t.match(up.out, new RegExp(`^lab ${name} is up, in [0-9.]+ s\n`));
  t.match(up.out, /^edge\/wan0 +cloud\/wan0 +up +5ms .* (relay|netem) /m);
  t.match(up.out, new RegExp(`^edge/client +ww-${name}-edge-client`, 'm'));
  const again = await lab(['up', '--file', file]);
  t.match(again, { code: 1, out: '', err: /is up already/ });

  const status = await lab(['status', '--json', '--name', name]);
  t.match(JSON.parse(status.out), { name, links: [{ link: 'cloud/wan0' }, {}, {}, {}] });

  const changed = await lab([
    'set',
    'edge/wan1',
    '--loss',
    '100%',
    '--toward',
    'cloud',
    '--name',
    name,
  ]);
  t.equal(changed.code, 0, changed.err);
  t.match(changed.out, /^edge\/wan1 +cloud\/wan1 +up +- +100% /m);
  t.match(changed.out, /^cloud\/wan1 +edge\/wan1 +up +- +- /m);

  const check = await lab(['check', '--json', '--name', name]);
  const { links } = JSON.parse(check.out) as { links: Record<string, unknown>[] };
  t.match(links[0], {
    link: 'edge/wan0',
    rttMs: { wanted: 10 },
    mtu: { measured: 1500 },
    silent: false,
  });
  t.match(links[1], { link: 'edge/wan1', silent: true, ok: true });

  const down = await lab(['down', '--name', name]);
  t.match(down, { code: 0, out: `lab ${name} is gone\n`, err: '' });
  t.same(await tracesOf(name), []);
  t.match(await lab(['down', '--name', name]), { code: 0, out: `there is no lab ${name}\n` });
});

t.test('exec passes on what goes in, what comes out, and how it ends', async (t) => {
  const name = newName();
  await using made = await Lab.up(defaultLab(name));
  t.equal(made.name, name);
  const exec = (...args: string[]) => ['exec', '--name', name, ...args];
  const said = await lab(exec('edge/client', '--', 'sh', '-c', 'cat; echo no >&2; exit 42'), 'yes');
  t.match(said, { code: 42, out: 'yes', err: 'no\n' });
  t.match(await lab(exec('edge', '--', 'sh', '-c', 'kill -9 $$')), { code: 137 });
  t.match(await lab(exec('edge', 'echo', '--name', 'x')), { code: 0, out: '--name x\n' });
  t.match(await lab(exec('edge', '--', 'no-such-program')), { code: 127 });
  t.match(await lab(exec('moon', '--', 'true')), { code: 64, err: /there are edge, edge\/client/ });

  const child = start(
    exec('edge', '--', 'sh', '-c', 'trap "exit 7" TERM; echo in; while :; do sleep 0.1; done'),
  );
  await once(child.stdout, 'data');
  child.kill('SIGTERM');
  t.same(await once(child, 'exit'), [7, null], 'a signal is passed on');
});

const wrong: readonly (readonly [args: readonly string[], says: RegExp])[] = [
  [['set', 'edge/wan9', '--up'], /no link edge\/wan9: there are cloud\/wan0/],
  [['set', 'edge/wan0'], /nothing to change/],
  [['set', 'edge/wan0', '--delay', '80'], /delay: "80" is not valid: want a time/],
  [['set', 'edge/wan0', '--mtu', 'big'], /mtu: .* is not valid: want a whole number/],
  [['set', 'edge/wan0', '--down', '--toward', 'moon'], /toward: "moon" .* want edge or cloud/],
  [['check', 'edge/wan9'], /no link edge\/wan9/],
];
t.test('mistakes of a command change nothing and are told with exit code 64', async (t) => {
  const name = newName();
  await using made = await Lab.up(defaultLab(name));
  const before = (await made.status()).links.map(({ out, mtu, up }) => ({ out, mtu, up }));
  for (const [args, says] of wrong) {
    t.match(await lab([...args, '--name', name]), { code: 64, out: '', err: says }, args.join(' '));
  }
  t.same(
    (await made.status()).links.map(({ out, mtu, up }) => ({ out, mtu, up })),
    before,
  );
});

t.test('what is not there, and files that are wrong', async (t) => {
  const name = newName();
  t.match(await lab(['status', '--name', name]), { code: 1, err: /is not up/ });
  t.match(await lab(['nonsense']), { code: 64 });
  t.match(await lab(['up', '--file', '/nonexistent']), { code: 64, err: /no such file/ });
  const file = join(t.testdir(), 'lab.yaml');
  await writeFile(file, `kind: Lab\nmetadata: {name: ${name}}\nspec: {sites: []}\n`);
  const { code, err } = await lab(['up', '--file', file]);
  t.equal(code, 64);
  t.match(err, new RegExp(`^wanwire lab: ${file}:1: apiVersion: nothing is not valid`));
  t.match(err, new RegExp(`^wanwire lab: ${file}:3: spec.sites: .*at least one site`, 'm'));
  t.same(await tracesOf(name), []);
});

t.test('up stopped by Ctrl-C leaves nothing', async (t) => {
  const name = newName();
  t.teardown(() => Lab.down(name));
  // One that takes a while to make.
  const sites = Array.from({ length: 120 }, (_, at) => `s${String(at)}`);
  const file = join(t.testdir(), 'lab.yaml');
  await writeFile(file, JSON.stringify(star(sites)));
  const child = start(['up', '--name', name, '--file', file]);
  const ended = once(child, 'exit');
  while (!existsSync(`/run/netns/ww-${name}.wires`) && child.exitCode === null) await sleep(1);
  child.kill('SIGINT');
  t.same(await ended, [130, null]);
  t.same(await tracesOf(name), []);
});
