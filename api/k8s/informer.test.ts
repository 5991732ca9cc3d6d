// SPDX-License-Identifier: Apache-2.0
/** What no API server does at a test's wish: versions that are too old, silence, answers cut off, too much to do. */
import { createServer, type ServerResponse } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { systemClock as clock } from '../chain/clock.js';
import { silentLogger } from '../log/log.js';
import { ManualClock } from '../../test/doubles/manual-clock.js';
import { openCluster } from './cluster.js';
import { informer } from './informer.js';
import { configMaps } from './resources.js';

const log = silentLogger();
type Turn = (answer: ServerResponse) => void;

const item = (name: string, version: number) => ({
  metadata: { name, namespace: 'default', uid: name, resourceVersion: String(version) },
});
const list =
  (version: number, ...items: object[]): Turn =>
  (answer) =>
    answer.end(JSON.stringify({ metadata: { resourceVersion: String(version) }, items }));
const refuse =
  (code: number, headers = {}): Turn =>
  (answer) =>
    answer
      .writeHead(code, headers)
      .end(JSON.stringify({ kind: 'Status', code, message: 'too old resource version' }));
const line = (type: string, object: object): string => `${JSON.stringify({ type, object })}\n`;
const tell =
  (...lines: string[]): Turn =>
  (answer) =>
    answer.write(lines.join(''));
const gone = { kind: 'Status', code: 410, message: 'too old resource version' };

/** A server that answers in these turns, and what was asked of it. */
async function played(t: Test, turns: Turn[]) {
  const asked: string[] = [];
  const server = createServer((request, answer) => {
    asked.push(new URL(request.url ?? '', 'http://x').search);
    const turn = turns.shift();
    if (turn === undefined) return;
    turn(answer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const folder = await mkdtemp(join(tmpdir(), 'ww-kube-'));
  const kubeconfig = join(folder, 'config');
  const at = `http://127.0.0.1:${String(port)}`;
  const config = {
    clusters: [{ name: 'c', cluster: { server: at, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: { token: 'secret\n' } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', namespace: 'default' } }],
    'current-context': 'x',
  };
  await writeFile(kubeconfig, JSON.stringify(config));
  const cluster = await openCluster({ kubeconfig, clock, log });
  t.teardown(async () => {
    cluster[Symbol.dispose]();
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true });
  });
  const changes: string[] = [];
  const start = (options = {}) => {
    const found = informer(cluster, configMaps, { clock, log, firstPauseMs: 10, ...options });
    found.onChange(({ type, object }) => changes.push(`${type} ${object.metadata.name}`));
    t.teardown(() => found[Symbol.dispose]());
    return found;
  };
  const until = async (count: number) => {
    while (asked.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  return { cluster, start, asked, changes, until };
}

t.test('410 Gone, both ways: listed again, and what is gone is told', async (t) => {
  const { start, changes, asked, until } = await played(t, [
    list(1, item('a', 1), item('b', 1)),
    refuse(410),
    list(5, item('b', 1), item('c', 4)),
    tell(line('MODIFIED', item('b', 6)), line('ERROR', gone)),
    list(9, item('b', 6)),
  ]);
  const found = start();
  await found.synced;
  await until(6);
  t.same(changes, [...['added a', 'added b', 'deleted a', 'added c', 'modified b', 'deleted c']]);
  t.ok(found.isCurrent, 'it was never away');
  t.match(asked[5], /resourceVersion=9&.*allowWatchBookmarks=true/);
});

t.test('a watch that is silent, or cut off in a line, goes on where it was', async (t) => {
  const { start, changes, asked, until } = await played(t, [
    list(1, item('a', 1)),
    tell(line('ADDED', item('b', 3)), line('BOOKMARK', item('', 7))),
    (answer) => {
      answer.write(`${line('ADDED', item('c', 8))}{"type":"ADD`);
      setTimeout(() => answer.destroy(), 20);
    },
    refuse(500),
    tell(line('ADDED', item('d', 9))),
  ]);
  const found = start({ silenceMs: 150 });
  await found.synced;
  await until(6);
  t.same(changes, ['added a', 'added b', 'added c', 'added d']);
  const versions = asked.map((one) => /resourceVersion=(\d+)/.exec(one)?.[1]);
  t.same(versions, [undefined, '1', '7', '8', '8', '9']);
});

t.test('away for a minute, and back with another history', async (t) => {
  let isAway = true;
  const away = (answer: ServerResponse): void => void answer.destroy();
  const turns: Turn[] = [
    list(7_000, item('a', 6_000), item('b', 6_500)),
    (answer) => answer.end(line('BOOKMARK', item('', 7_001))),
  ];
  const { start, changes, asked } = await played(t, turns);
  const clock = new ManualClock();
  const found = start({ clock, firstPauseMs: 500, longestPauseMs: 8_000 });
  await found.synced;
  const told: boolean[] = [];
  found.onCurrent((isCurrent) => told.push(isCurrent));
  const startMs = clock.now();
  // Whoever asks is hung up on, for a minute of that clock.
  while (isAway) {
    turns.push(away);
    const count = asked.length;
    await clock.advance(100);
    if (asked.length === count) await new Promise((resolve) => setTimeout(resolve, 1));
    isAway = clock.now() - startMs < 60_000;
  }
  t.notOk(found.isCurrent, 'it is told to be old');
  t.match(found.trouble, { message: /./ });
  t.same(
    found.items.map(({ metadata }) => metadata.name),
    ['a', 'b'],
    'what was known stays',
  );
  t.ok(asked.length < 30, `${String(asked.length)} attempts: it backs off`);
  // Its etcd is another: versions begin anew, and ours is none of its.
  turns.splice(
    0,
    turns.length,
    refuse(410),
    list(12, item('b', 3), item('c', 11)),
    tell(line('ADDED', item('d', 13))),
  );
  while (changes.length < 6) {
    await clock.advance(1_000);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  t.same(changes, ['added a', 'added b', 'deleted a', 'modified b', 'added c', 'added d']);
  t.ok(found.isCurrent);
  t.equal(found.trouble, undefined);
  t.same(told, [false, true], 'each once');
  t.match(asked.at(-3), /resourceVersion=7001&/, 'where it was');
  t.match(asked.at(-1), /resourceVersion=12&/, 'and from there on');
});

t.test('pages, one of them too old; too much to do', async (t) => {
  const page =
    (next: string, name: string): Turn =>
    (answer) =>
      answer.end(JSON.stringify({ metadata: { continue: next }, items: [item(name, 1)] }));
  const { cluster, asked } = await played(t, [
    refuse(429, { 'retry-after': '0' }),
    page('n1', 'a'),
    refuse(410),
    page('n2', 'a'),
    page('', 'b'),
  ]);
  const names = (await cluster.list(configMaps)).map(({ metadata }) => metadata.name);
  t.same(names, ['a', 'b']);
  t.match(asked.at(-1), /continue=n2/);
});

t.test('configurations that lead nowhere', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'ww-kube-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const kubeconfig = join(folder, 'config');
  const open = (context?: string) => openCluster({ kubeconfig, context, clock, log });
  await t.rejects(open(), { message: /^kubeconfig .*config: ENOENT/ });
  const contexts = [{ name: 'x', context: { cluster: 'c', user: 'u' } }];
  await writeFile(kubeconfig, JSON.stringify({ contexts, 'current-context': 'x' }));
  await t.rejects(open('y'), {
    message: /context "y" of the kubeconfig names no cluster: want one of x/,
  });
});
