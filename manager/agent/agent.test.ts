// SPDX-License-Identifier: Apache-2.0
/** The Workload API over a real socket: who gets what, renewal, rotation, restart. */
import { spawn } from 'node:child_process';
import { chmodSync, chownSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { Client } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { systemClock as clock } from '../../api/chain/clock.js';
import {
  SpiffeWorkloadAPIService,
  type X509BundlesResponse,
  type X509SVIDResponse,
} from '../../api/gen/workload.js';
import { certificatesOf, splitDer } from '../../api/identity/der.js';
import { svidOf } from '../../api/identity/svid.js';
import type { Svid } from '../../api/identity/types.js';
import { verifyChain } from '../../api/identity/verify-chain.js';
import { silentLogger } from '../../api/log/log.js';
import type { SiteIdentity } from '../../api/site/types.js';
import { Authority } from '../authority/authority.js';
import { importBundle, removeBundle } from '../authority/bundle-folder.js';
import { makeCertificate } from '../../api/identity/certificate.js';
import { changeRoots, withNext } from '../authority/roots.js';
import { ownSource } from './own-source.js';
import { serveAgent } from './serve.js';
import { Svids } from './svids.js';
import { cgroupOf } from './workload.js';
import { command as built } from '../../test/stage/command.js';

const ownUid = process.getuid?.() ?? -1;
const isRoot = ownUid === 0;
const trustDomain = 'edge.example';
const any = { uid: undefined, gid: undefined, executable: undefined, cgroup: undefined };

async function world(t: Test, lifetimeMs = 60_000) {
  const base = await mkdtemp(join(tmpdir(), 'ww-agent-'));
  chmodSync(base, 0o755);
  t.teardown(() => rm(base, { recursive: true }));
  // What asks here keeps nothing running.
  const awake = setInterval(() => undefined, 1_000);
  t.teardown(() => clearInterval(awake));
  const [folder, path] = [join(base, 'trust'), join(base, 'agent.sock')];
  const lines: object[] = [];
  const log = silentLogger();
  log.warn = (fields: unknown) => void lines.push({ ...(fields as object) });
  let rules: readonly SiteIdentity[] = [];
  const told = new Set<() => void>();
  const start = async () => {
    const options = { folder, trustDomain, lifetimeMs, peers: [], clock, log };
    const authority = await Authority.open(options);
    const svids = new Svids(authority, clock, log);
    const onRules = (listener: () => void) => {
      told.add(listener);
      return () => told.delete(listener);
    };
    const listenOn = `unix://${path}`;
    const parts = { svids, rules: () => rules, onRules, ownUid, log, clock, listenOn };
    const agent = await serveAgent(parts).catch((reason: unknown) => {
      authority[Symbol.dispose]();
      throw reason;
    });
    const close = async () => {
      await agent.close(100);
      svids[Symbol.dispose]();
      authority[Symbol.dispose]();
    };
    t.teardown(close);
    return { agent, authority, svids, close };
  };
  const setRules = (next: readonly Partial<SiteIdentity>[]) => {
    rules = next.map((one) => ({ id: '', ...any, ...one }));
    for (const listener of [...told]) listener();
  };
  return { base, folder, path, start, setRules, lines, log };
}

const method = SpiffeWorkloadAPIService.fetchX509Svid;

/** A client of ours in this process; its answers as they come. */
function subscribe(t: Test, path: string, header = true) {
  const client = new Client(`unix:${path}`, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
  t.teardown(() => client.close());
  const metadata = new Metadata();
  if (header) metadata.set('workload.spiffe.io', 'true');
  const serialize = (value: object) => method.requestSerialize(value);
  const stream = client.makeServerStreamRequest<object, X509SVIDResponse>(
    ...[method.path, serialize, (bytes: Buffer) => method.responseDeserialize(bytes)],
    ...[{}, metadata],
  );
  const answers: X509SVIDResponse[] = [];
  const waiting: (() => void)[] = [];
  let error: ServiceError | undefined;
  const wake = () => {
    for (const one of waiting.splice(0)) one();
  };
  stream.on('data', (answer: X509SVIDResponse) => {
    answers.push(answer);
    wake();
  });
  stream.on('error', (reason: ServiceError) => {
    error = reason;
    wake();
  });
  const next = async (): Promise<
    Svid & { readonly federated: readonly string[]; readonly answer: X509SVIDResponse }
  > => {
    while (answers.length === 0) {
      if (error !== undefined) throw error;
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
    const answer = answers.shift();
    const [first] = answer?.svids ?? [];
    if (answer === undefined || first === undefined) throw new Error('no SVID');
    const svid = svidOf(splitDer(first.x509Svid, 'chain'), first.x509SvidKey);
    return { ...svid, federated: Object.keys(answer.federatedBundles), answer };
  };
  return { next };
}

const wanwire = built();

/** `wanwire id` in a process of its own, which `before` may make somebody else's: its ID, or why it gets none. */
async function askAs(path: string, before: readonly string[] = []): Promise<string> {
  const ask = [process.execPath, wanwire, 'id', '--json', '--agent', `unix://${path}`];
  const [program = '', ...words] = [...before, ...ask];
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
  await new Promise((resolve) => child.once('close', resolve));
  const { id, why } = JSON.parse(text) as { readonly id: string | null; readonly why: string };
  return id ?? why;
}

t.test('an SVID, its bundle, and who is refused', async (t) => {
  const { start, path, setRules, lines } = await world(t);
  const { authority } = await start();
  t.equal(statSync(path).mode & 0o777, 0o666);
  const svid = await subscribe(t, path).next();
  t.equal(svid.id, 'spiffe://edge.example/wanwire', 'the manager’s own user needs no rule');
  const [own] = svid.answer.svids;
  const roots = certificatesOf(own?.bundle ?? Buffer.alloc(0), 'bundle');
  t.same(roots.map(String), (authority.bundles.get(trustDomain) ?? []).map(String));
  t.equal(verifyChain(svid.chain, authority.bundles, Date.now()).id, svid.id);
  await t.rejects(subscribe(t, path, false).next(), {
    code: status.INVALID_ARGUMENT,
    message: /workload.spiffe.io/,
  });
  setRules([
    { id: '/a', executable: '/nowhere' },
    { id: '/b', executable: process.execPath },
    { id: '/c', uid: ownUid },
  ]);
  t.equal((await subscribe(t, path).next()).id, 'spiffe://edge.example/b', 'the first that fits');
  t.match(await askAs(path), /^spiffe:\/\/edge.example\/b$/, 'another process');
  if (!isRoot) {
    t.comment('not root: nobody else to ask as');
    return;
  }
  setRules([
    { id: '/phone', uid: 1234, gid: 77 },
    { id: '/other', uid: 1235 },
  ]);
  const as = (uid: number, gid: number) => [
    ...['setpriv', `--reuid=${String(uid)}`, `--regid=${String(gid)}`, '--clear-groups'],
  ];
  t.match(await askAs(path, as(1234, 77)), /^spiffe:\/\/edge.example\/phone$/);
  t.match(await askAs(path, as(1235, 77)), /^spiffe:\/\/edge.example\/other$/);
  t.match(
    await askAs(path, as(1234, 78)),
    /no identity issued: no rule .* \(uid 1234, gid 78, executable \//,
  );
  t.match(lines.at(-1), { uid: 1234, gid: 78, executable: process.execPath, cgroup: String });
});

t.test('renewed at half its life; at once when bundles, rules or roots change', async (t) => {
  const { start, path, folder, setRules } = await world(t, 8_000);
  const { authority, svids } = await start();
  const log = silentLogger();
  const own = await ownSource({
    svids,
    path: () => '/wanwire',
    onRules: () => () => undefined,
    clock,
    log,
  });
  t.teardown(() => own[Symbol.dispose]());
  const { next } = subscribe(t, path);
  let before = await next();
  t.equal(own.current().svid.id, before.id);
  for (let round = 0; round < 2; round++) {
    const after = await next();
    t.not(after.certificate.serialNumber, before.certificate.serialNumber);
    t.ok(before.notAfterMs > Date.now(), 'before the old one has ended');
    before = after;
  }
  const nowMs = Date.now();
  const uris = ['spiffe://cloud.example'];
  const wish = { uris, isAuthority: true, notBeforeMs: nowMs, notAfterMs: nowMs + 3_600_000 };
  const cloud = {
    trustDomain: 'cloud.example',
    roots: [(await makeCertificate(wish)).certificate],
  };
  const until = async (fits: (svid: Awaited<ReturnType<typeof next>>) => boolean) => {
    for (;;) {
      const svid = await next();
      if (fits(svid)) return svid;
    }
  };
  await importBundle(folder, cloud);
  await until(({ federated }) => federated.join() === 'spiffe://cloud.example');
  t.same([...own.current().bundles.keys()], ['edge.example', 'cloud.example']);
  await removeBundle(folder, 'cloud.example');
  await until(({ federated }) => federated.length === 0);
  setRules([{ id: '/phone', uid: ownUid }]);
  await until(({ id }) => id === 'spiffe://edge.example/phone');
  await changeRoots(folder, clock, async (now) => {
    if (now === undefined) throw new Error('no roots');
    return withNext(now, { nowMs: Date.now(), signsFromMs: Date.now() });
  });
  const rotated = await until(
    ({ answer }) => certificatesOf(answer.svids[0]?.bundle ?? Buffer.alloc(0), 'b').length === 2,
  );
  const [, fresh] = authority.bundles.get(trustDomain) ?? [];
  const signed = fresh && rotated.certificate.checkIssued(fresh) ? rotated : await next();
  t.ok(fresh && signed.certificate.checkIssued(fresh), 'signed by the new root');
  setRules([{ id: '/phone', uid: 4_000_000 }]);
  await until(({ id }) => id === 'spiffe://edge.example/wanwire');
});

t.test('an agent that is started again has the same root', async (t) => {
  const { start, path } = await world(t);
  const first = await start();
  const old = subscribe(t, path);
  const before = await old.next();
  await first.close();
  await t.rejects(old.next(), { code: status.UNAVAILABLE });
  const second = await start();
  const after = await subscribe(t, path).next();
  t.equal(verifyChain(before.chain, second.authority.bundles, Date.now()).id, after.id);
  await t.rejects(start(), { message: /another process listens/ });
});

t.test('bundles alone', async (t) => {
  const { start, path } = await world(t);
  await start();
  const client = new Client(`unix:${path}`, credentials.createInsecure());
  t.teardown(() => client.close());
  const metadata = new Metadata();
  metadata.set('workload.spiffe.io', 'true');
  const {
    path: name,
    requestSerialize,
    responseDeserialize,
  } = SpiffeWorkloadAPIService.fetchX509Bundles;
  const stream = client.makeServerStreamRequest<object, X509BundlesResponse>(
    ...[name, requestSerialize, responseDeserialize, {}, metadata],
  );
  stream.on('error', () => undefined);
  const answer = await new Promise<X509BundlesResponse>((resolve) => stream.once('data', resolve));
  t.same(Object.keys(answer.bundles), ['spiffe://edge.example']);
});

t.test('a place where others could put a socket of theirs is refused', async (t) => {
  const { start, base, path } = await world(t);
  chmodSync(base, 0o777);
  await t.rejects(start(), { message: /has mode 777: others could put.*chmod go-w/ });
  chmodSync(base, 0o1777);
  await (await start()).close();
  chmodSync(base, 0o755);
  writeFileSync(path, '');
  await t.rejects(start(), { message: /is not a socket/ });
  if (!isRoot) return;
  chownSync(path, 1234, 1234);
  await t.rejects(start(), { message: /belongs to uid 1234, not to us/ });
  chownSync(base, 1234, 1234);
  await t.rejects(start(), { message: /belongs to uid 1234: others could put/ });
});

t.test('cgroups of both kinds', (t) => {
  t.equal(cgroupOf('0::/system.slice/a:b.service\n'), '/system.slice/a:b.service');
  t.equal(cgroupOf('12:cpu,cpuacct:/x\n1:name=systemd:/user.slice\n'), '/user.slice');
  t.equal(cgroupOf('12:cpu:/x\n'), undefined);
  t.end();
});
