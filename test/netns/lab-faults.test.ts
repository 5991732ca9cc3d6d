// SPDX-License-Identifier: Apache-2.0
/** Whatever dies: what is left can be taken away, wholly, and nothing stays by itself. */
import t, { type Test } from 'tap';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { defaultLab } from '../../lab/default.js';
import { Lab } from '../../lab/lab.js';
import { acquaint, labOf, newName, pings, tracesOf } from './labs.js';
import { command as built } from '../stage/command.js';
import { lives } from '../stage/up.js';

const wanwire = built();
const cloud = '203.0.113.10';

/** `wanwire lab up` in a process of its own, killed when `moment` has come. */
async function killedUp(t: Test, name: string, moment: () => boolean): Promise<void> {
  t.teardown(() => Lab.down(name));
  const child = spawn(process.execPath, [wanwire, 'lab', 'up', '--name', name], {
    stdio: 'ignore',
  });
  const ended = once(child, 'exit');
  while (!moment() && child.exitCode === null) await sleep(1);
  child.kill('SIGKILL');
  await ended;
}

const moments: readonly (readonly [string, (name: string) => boolean])[] = [
  ['when it has its folder', (name) => existsSync(`/run/wanwire/lab/${name}`)],
  ['when it has a namespace', (name) => existsSync(`/run/netns/ww-${name}.wires`)],
  ['when it has all namespaces', (name) => existsSync(`/run/netns/ww-${name}-cloud-server`)],
];
for (const [when, moment] of moments) {
  t.test(`lab up is killed ${when}`, async (t) => {
    const name = newName();
    await killedUp(t, name, () => moment(name));
    t.not((await tracesOf(name)).length, 0, 'something is left');
    if (!readState(name).includes('"phase":"up"')) {
      await t.rejects(Lab.open(name), /half made|is not up/);
      await t.rejects(Lab.up(defaultLab(name)), /half made.*lab down --name|being made/);
    }
    t.equal(await Lab.down(name), true);
    t.same(await tracesOf(name), [], 'and nothing is, after down');
    const lab = await Lab.up(defaultLab(name));
    t.equal((await pings(lab, 'edge', cloud, { count: 1 })).received, 1, 'the name is free again');
  });
}

function readState(name: string): string {
  const path = `/run/wanwire/lab/${name}/lab.json`;
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

t.test('an empty folder is a half-made lab too', async (t) => {
  const name = newName();
  mkdirSync(`/run/wanwire/lab/${name}`, { recursive: true });
  await t.rejects(Lab.up(defaultLab(name)), /half made/);
  t.equal(await Lab.down(name), true);
  t.same(await tracesOf(name), []);
});

/** Something that runs in a place of a lab, and ignores requests to end. */
async function stubborn(lab: Lab, place: string): Promise<ChildProcess> {
  const child = lab
    .place(place)
    .spawn('sh', ['-c', 'trap "" TERM; echo in; sleep 300 & wait; sleep 300'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  if (child.stdout === null) throw new Error('no pipe');
  await once(child.stdout, 'data');
  return child;
}

t.test('down ends what runs in the lab, and its relays', async (t) => {
  const lab = await labOf(t);
  await lab.set('edge/wan0', { delay: '5s' });
  t.ok((await tracesOf(lab.name)).some((line) => line.includes('relay')));
  // What waits in the relay does not hold it up.
  await pings(lab, 'edge', cloud, { count: 1 });
  const child = await stubborn(lab, 'edge/client');
  const ended = once(child, 'exit');
  await lab.down();
  t.same(await ended, [null, 'SIGKILL']);
  t.same(await tracesOf(lab.name), []);
});

t.test('a relay outlives who started it, and ends by itself when the folder is gone', async (t) => {
  const name = newName();
  t.teardown(() => Lab.down(name));
  await once(
    spawn(process.execPath, [wanwire, 'lab', 'up', '--name', name], { stdio: 'ignore' }),
    'exit',
  );
  await once(
    spawn(
      process.execPath,
      [wanwire, 'lab', 'set', 'edge/wan0', '--delay', '20ms', '--name', name],
      { stdio: 'ignore' },
    ),
    'exit',
  );
  const lab = await Lab.open(name);
  t.ok((await pings(lab, 'edge', cloud)).rttMs > 30);
  const [pid] = readFileSync(`/run/wanwire/lab/${name}/relay-c0.pid`, 'utf8').split(' ');
  const state = readState(name);
  rmSync(`/run/wanwire/lab/${name}`, { recursive: true });
  while (lives(Number(pid))) await sleep(20);
  t.pass('it has ended');
  // For down to find the rest.
  mkdirSync(`/run/wanwire/lab/${name}`);
  writeFileSync(`/run/wanwire/lab/${name}/lab.json`, state);
});

t.test('a relay that died is told of, and the next change mends its link', async (t) => {
  const lab = await labOf(t);
  await acquaint(lab);
  await lab.set('edge/wan0', { delay: '1ms' });
  const [pid = ''] = readFileSync(`/run/wanwire/lab/${lab.name}/relay-c0.pid`, 'utf8').split(' ');
  process.kill(Number(pid), 'SIGKILL');
  while (!(await lab.status()).links.some(({ broken }) => broken)) await sleep(10);
  t.equal((await pings(lab, 'edge', cloud, { count: 1 })).received, 0);
  await lab.set('edge/wan0', { delay: '2ms' });
  t.equal((await pings(lab, 'edge', cloud, { count: 3 })).received, 3);
  await lab.set('edge/wan0', { plain: true });
  t.equal((await pings(lab, 'edge', cloud, { count: 3 })).received, 3);
});

t.test('a relay obeys only what it understands, and goes on', async (t) => {
  const lab = await labOf(t);
  await lab.set('edge/wan0', { delay: '1ms' });
  const say = async (words: string): Promise<string> => {
    const socket = connect(`/run/wanwire/lab/${lab.name}/relay-c0.sock`);
    socket.end(words);
    return text(socket);
  };
  t.equal(
    await say('set 0 0 0 0 0 9\nset 2 0 0 0 0\nset 0 -1 0 0 0\nset 0 0 0 1000001 0\nhello\n').then(
      (all) => all.match(/^error: /gm)?.length,
    ),
    5,
  );
  t.match(JSON.parse(await say('stats\n')), { lanes: [{ lost: 0, dropped: 0 }, { waiting: 0 }] });
  t.equal(await say('x'.repeat(10_000)).catch(() => ''), '', 'what never ends is hung up on');
  const many = await Promise.all(Array.from({ length: 20 }, () => say('stats\n').catch(() => '')));
  t.ok(many.some((answer) => answer.startsWith('{"lanes"')));
  t.equal((await pings(lab, 'edge', cloud, { count: 3 })).received, 3);
});

t.test('a change that was killed half way is made good by the next', async (t) => {
  const lab = await labOf(t);
  const child = spawn(
    process.execPath,
    [wanwire, 'lab', 'set', 'edge/wan0', '--delay', '30ms', '--name', lab.name],
    { stdio: 'ignore' },
  );
  const ended = once(child, 'exit');
  const unsettled = (): boolean => readState(lab.name).includes('"settled":false');
  while (!unsettled() && child.exitCode === null) await sleep(1);
  child.kill('SIGKILL');
  await ended;
  await lab.set('edge/wan0', { loss: 'none' });
  t.ok((await pings(lab, 'edge', cloud)).rttMs > 45, 'it is what both asked for');
  await lab.set('edge/wan0', { plain: true });
  t.ok((await pings(lab, 'edge', cloud)).rttMs < 45, 'and no more');
});

t.test('changes at once come one after the other, and none is lost', async (t) => {
  const lab = await labOf(t);
  await Promise.all([
    lab.set('edge/wan0', { delay: '20ms' }),
    lab.set('cloud/wan0', { mtu: 1400 }),
    lab.set('edge/wan1', { rate: '10mbit' }),
    lab.set('edge/wan0', { jitter: '1ms' }),
  ]);
  const { links } = await lab.status();
  const of = (name: string) => links.find(({ link }) => link === name);
  t.match(of('edge/wan0'), { mtu: 1400, out: { shape: { delayMs: 20, jitterMs: 1 } } });
  t.match(of('edge/wan1'), { out: { shape: { rateBits: 10e6 } } });
});

t.test('down twice at once', async (t) => {
  const lab = await labOf(t);
  await Promise.all([lab.down(), Lab.down(lab.name)]);
  t.same(await tracesOf(lab.name), []);
  await t.rejects(lab.set('edge/wan0', { delay: '1ms' }), /not up/);
  await t.rejects(lab.status(), /not up/);
});
