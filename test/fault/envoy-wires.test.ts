// SPDX-License-Identifier: Apache-2.0
/**
 * An unprivileged Envoy whose class's wire goes away and comes back. The wires are veth pairs to one server,
 * which tells from which address it was asked; each pair has its own.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { parsePolicies } from '../../api/site/policy.js';
import { envoyBootstrap } from '../../cli/envoy/static.js';
import { startEnvoy } from '../netns/envoy.js';
import { sandbox, type Sandbox } from '../netns/sandbox.js';
import { cable } from '../netns/underlay-stage.js';

t.setTimeout(120_000);

const policyText = `apiVersion: wanwire.io/v1alpha1
kind: SteeringPolicy
metadata: {name: default}
spec:
  services: [wan]
  classes:
    low-latency: {fallback: [best-effort]}
    bulk: {strict: true}
  rules:
    - {name: boss, match: {http: {headers: {user: boss}}}, class: low-latency}
    - {name: minion, match: {http: {headers: {user: minion}}}, class: best-effort}
    - {name: load, match: {http: {headers: {user: load}}}, class: bulk}
  default: best-effort
`;
const service = '10.60.0.9';
/** In the order of their metrics; the last number of an address. */
const wires = { 'nsm-1': 1, 'nsm-low': 2, 'nsm-best': 3, 'nsm-bulk': 4 } as const;
type Wire = keyof typeof wires;
const sourceOf = (wire: Wire): string => `10.1.${String(wires[wire])}.2`;

const serverCode = `require('http').createServer((q, r) => r.end(q.socket.remoteAddress))
  .listen(8000, '${service}', () => console.log('ready'))`;
/** Asks one after the other, each over a connection of its own, and prints a line for each answer. */
const askerCode = `const http = require('http'); const [user, count] = process.argv.slice(1);
const ask = () => new Promise((done) => http.get({ host: '127.0.0.1', port: 8000, headers: { user },
  agent: false }, (r) => r.on('data', (b) => done(r.statusCode + ' ' + b))).on('error', (e) => done(e.code)));
(async () => { for (let at = 0; at < count; at++) console.log(await ask()); })()`;

async function wire(pod: Sandbox, server: Sandbox, name: Wire): Promise<void> {
  const net = `10.1.${String(wires[name])}`;
  await cable([pod, name, `${net}.2/24`], [server, `far-${String(wires[name])}`, `${net}.1/24`]);
  const metric = ['metric', String(wires[name])];
  await pod.ip('route', 'add', service, 'via', `${net}.1`, 'dev', name, ...metric);
}

async function stage(t: Test) {
  const pod = await sandbox(t);
  const server = await sandbox(t);
  for (const { ip } of [pod, server]) await ip('link', 'set', 'lo', 'up');
  await server.ip('address', 'add', `${service}/32`, 'dev', 'lo');
  for (const name of Object.keys(wires) as Wire[]) await wire(pod, server, name);
  const inServer = ['--pdeathsig', 'KILL', '--', 'nsenter', `--net=${server.path}`, '--'];
  const child = spawn('setpriv', [...inServer, process.execPath, '-e', serverCode]);
  t.teardown(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const ask = async (user: string, count = 1): Promise<readonly string[]> =>
    (await pod.run(process.execPath, '-e', askerCode, user, String(count))).trim().split('\n');
  return { pod, server, ask };
}

t.test('the wire of a class is deleted and made again', async (t) => {
  const { pod, server, ask } = await stage(t);
  const [policy] = parsePolicies(policyText, 'policy.yaml');
  if (policy === undefined) throw new Error('no policy');
  const folder = t.testdir();
  const eventLog = join(folder, 'events.json');
  const bootstrap = envoyBootstrap({
    service: 'echo',
    upstream: `${service}:8000`,
    listen: '127.0.0.1:8000',
    networkServices:
      'kernel://wan@cloud/nsm-1,kernel://wan-low-latency@cloud/nsm-low,' +
      'kernel://wan-best-effort@cloud/nsm-best,kernel://wan-bulk@cloud/nsm-bulk',
    policy,
    eventLog,
  });
  const ready = async () => {
    const [answer = ''] = await ask('guest');
    if (!answer.startsWith('200')) throw new Error(answer);
  };
  const envoy = await startEnvoy(t, folder, bootstrap, { netns: pod.path, ready });
  const on = (name: Wire) => [`200 ${sourceOf(name)}`];
  t.strictSame(await ask('guest'), on('nsm-1'), 'no rule: as the routes of the pod say');
  t.strictSame(
    await ask('boss'),
    on('nsm-low'),
    'bound, though another route has a smaller metric',
  );
  t.strictSame(await ask('minion'), on('nsm-best'));
  t.strictSame(await ask('load'), on('nsm-bulk'));

  await pod.ip('link', 'del', 'nsm-low');
  await pod.ip('link', 'del', 'nsm-bulk');
  // Whoever is given a connection of before waits until Envoy gives that up.
  const [answers, [, refused = '']] = await Promise.all([ask('boss', 30), ask('load', 2)]);
  const late = answers.filter((answer) => !answer.startsWith('200'));
  t.ok(late.length <= 1, 'only who was given the old connection may fail');
  t.strictSame(
    [...new Set(answers.filter((answer) => answer.startsWith('200')))],
    on('nsm-best'),
    'all others take the wire of its fallback',
  );
  t.match(refused, /^503 /, 'a strict class has no other wire');
  t.strictSame(await ask('minion'), on('nsm-best'), 'others are not touched');
  const told = async (): Promise<string> => readFile(eventLog, 'utf8').catch(() => '');
  while (!/low-latency\|wire.*EJECT/.test(await told())) await sleep(200);
  t.pass('Envoy tells that it gave up on the wire');

  await wire(pod, server, 'nsm-low');
  const back = async (): Promise<boolean> => (await ask('boss'))[0] === on('nsm-low')[0];
  while (!(await back())) await sleep(500);
  t.pass('it is used again');
  t.ok(envoy.alive());
});
