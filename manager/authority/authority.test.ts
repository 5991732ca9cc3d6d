// SPDX-License-Identifier: Apache-2.0
/** The embedded authority's folder: its root, what is imported, rotation, and what it refuses. */
import { execFile } from 'node:child_process';
import {
  chmod,
  chown,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { systemClock } from '../../api/chain/clock.js';
import { verifyChain } from '../../api/identity/verify-chain.js';
import { silentLogger } from '../../api/log/log.js';
import { ManualClock } from '../../test/doubles/manual-clock.js';
import { Authority, type AuthorityOptions } from './authority.js';
import { importBundle, importedBundles, removeBundle } from './bundle-folder.js';
import { bundleJson, bundlePem, parseBundle } from './bundle-text.js';
import { makeCertificate } from '../../api/identity/certificate.js';
import { changeRoots, readRoots, withNext } from './roots.js';

const exec = promisify(execFile);
const log = silentLogger();
const hourMs = 3_600_000;
const trustDomain = 'edge.example';

async function open(t: Test, folder: string, more: Partial<AuthorityOptions> = {}) {
  const authority = await Authority.open({
    ...{ folder, trustDomain, lifetimeMs: hourMs, peers: [], clock: systemClock, log },
    ...more,
  });
  t.teardown(() => authority[Symbol.dispose]());
  return authority;
}

async function bundleOf(trustDomain: string, lifetimeMs = hourMs) {
  const nowMs = Date.now();
  const { certificate } = await makeCertificate({
    uris: [`spiffe://${trustDomain}`],
    isAuthority: true,
    notBeforeMs: nowMs - 2 * hourMs,
    notAfterMs: nowMs + lifetimeMs,
  });
  return { trustDomain, roots: [certificate] };
}

/** Wait for the next change. */
function changed(authority: Authority): Promise<void> {
  return new Promise((resolve) => {
    // Neither timers nor watchers keep a process running.
    const awake = setInterval(() => undefined, 1_000);
    const off = authority.onChange(() => {
      off();
      clearInterval(awake);
      resolve();
    });
  });
}

t.test('a root that is made once, and SVIDs as SPIRE makes them', async (t) => {
  const folder = join(t.testdir({}), 'state', 'trust');
  const first = await open(t, folder);
  t.equal((await stat(folder)).mode & 0o777, 0o700);
  t.equal((await stat(join(folder, 'authority.json'))).mode & 0o777, 0o600);
  const svid = await first.issue('/phone');
  t.equal(svid.id, 'spiffe://edge.example/phone');
  for (const offMs of [-59_000, 0, 59_000]) {
    t.match(verifyChain(svid.chain, first.bundles, Date.now() + offMs), { id: svid.id });
  }
  const lifetimeMs = svid.notAfterMs - Date.now();
  t.ok(lifetimeMs <= hourMs && lifetimeMs > hourMs - 10_000, 'an hour');
  t.ok(Date.now() - svid.notBeforeMs >= 59_000, 'valid where the clock is a minute behind');

  await writeFile(join(folder, 'leaf.pem'), svid.certificate.toString());
  const { stdout } = await exec('openssl', [
    'x509',
    '-noout',
    '-text',
    '-in',
    join(folder, 'leaf.pem'),
  ]);
  for (const text of [
    'Version: 3',
    'URI:spiffe://edge.example/phone',
    'NIST CURVE: P-256',
    'Digital Signature',
    'CA:FALSE',
    'TLS Web Server Authentication, TLS Web Client Authentication',
  ]) {
    t.match(stdout, text);
  }
  const [root] = first.bundles.get(trustDomain) ?? [];
  t.equal(root?.subjectAltName, 'URI:spiffe://edge.example');
  t.equal(root?.ca, true);
  first[Symbol.dispose]();

  const second = await open(t, folder);
  t.same(
    [...second.bundles.values()].flat().map(String),
    [String(root)],
    'the same root after a restart',
  );
  await t.rejects(open(t, folder, { trustDomain: 'other.example' }), {
    message: /is of trust domain edge.example, and this one is other.example/,
  });
});

t.test('an SVID never outlives its root', async (t) => {
  const authority = await open(t, join(t.testdir({}), 'trust'), { rootLifetimeMs: 10_000 });
  const svid = await authority.issue('/a');
  const [root] = authority.bundles.get(trustDomain) ?? [];
  t.equal(svid.notAfterMs, Date.parse(root?.validTo ?? ''));
});

t.test(
  'the new root is known before it signs, and the old one until its last SVID has ended',
  async (t) => {
    const folder = join(t.testdir({}), 'trust');
    const clock = new ManualClock(Date.now());
    const authority = await open(t, folder, { clock });
    const before = await authority.issue('/a');
    const next = changed(authority);
    await changeRoots(folder, clock, async (now) => {
      if (now === undefined) throw new Error('no roots');
      return withNext(now, { nowMs: clock.now(), signsFromMs: clock.now() + 60_000 });
    });
    // The folder's change is seen by the machine, and waited out on the clock.
    const turning = setInterval(() => void clock.advance(10), 10);
    await next;
    clearInterval(turning);
    t.equal(authority.bundles.get(trustDomain)?.length, 2);
    const still = await authority.issue('/a');
    t.ok(
      still.certificate.checkIssued(
        (authority.bundles.get(trustDomain) ?? [])[0] ?? still.certificate,
      ),
    );

    const switched = changed(authority);
    await clock.advance(60_000);
    await switched;
    const after = await authority.issue('/a');
    const [old, fresh] = authority.bundles.get(trustDomain) ?? [];
    t.ok(fresh && after.certificate.checkIssued(fresh) && !before.certificate.checkIssued(fresh));
    for (const svid of [before, still, after]) {
      t.equal(verifyChain(svid.chain, authority.bundles, clock.now()).id, svid.id, 'both valid');
    }
    t.same(
      (await readRoots(folder))?.roots.map(({ key }) => key !== undefined),
      [false, true],
    );

    const gone = changed(authority);
    await clock.advance(hourMs + 200_000);
    await gone;
    t.same((authority.bundles.get(trustDomain) ?? []).map(String), [String(fresh)]);
    t.not(String(old), String(fresh));
    t.throws(
      () => verifyChain(before.chain, authority.bundles, clock.now()),
      /not signed by any root/,
    );
  },
);

t.test('a root that nears its end gets a successor by itself', async (t) => {
  const folder = join(t.testdir({}), 'trust');
  const clock = new ManualClock(Date.now());
  const dayMs = 24 * hourMs;
  const authority = await open(t, folder, { clock, rootLifetimeMs: 10 * dayMs });
  for (let day = 0; day < 12; day++) {
    await clock.advance(dayMs);
    await authority.settled();
  }
  const svid = await authority.issue('/a');
  t.equal(verifyChain(svid.chain, authority.bundles, clock.now()).id, svid.id);
});

t.test('bundles that are imported, replaced, removed; those of peers', async (t) => {
  const base = t.testdir({});
  const folder = join(base, 'trust');
  const authority = await open(t, folder);
  const cloud = await bundleOf('cloud.example');
  let change = changed(authority);
  t.equal(await importBundle(folder, cloud), 'new');
  await change;
  t.same([...authority.bundles.keys()], ['edge.example', 'cloud.example']);
  change = changed(authority);
  t.equal(await importBundle(folder, await bundleOf('cloud.example')), 'replaced');
  await change;
  change = changed(authority);
  await removeBundle(folder, 'cloud.example');
  await change;
  t.same([...authority.bundles.keys()], ['edge.example']);
  await t.rejects(removeBundle(folder, 'cloud.example'), { message: /no bundle of trust domain/ });

  const path = join(base, 'cloud.pem');
  await writeFile(path, bundlePem(cloud));
  const peer = { site: 'cloud', trustDomain: undefined, trustBundle: path };
  change = changed(authority);
  authority.setPeers([peer]);
  await change;
  t.same([...authority.bundles.keys()], ['edge.example', 'cloud.example']);
  await writeFile(path, 'half of i');
  await new Promise((resolve) => setTimeout(resolve, 200));
  await authority.settled();
  t.equal(authority.bundles.size, 2, 'a broken file leaves what was there');
  change = changed(authority);
  await rm(path);
  await change;
  t.equal(authority.bundles.size, 1, 'one that is gone is withdrawn');
  // Nobody else may speak for us.
  await writeFile(path, bundlePem(await bundleOf(trustDomain)));
  await new Promise((resolve) => setTimeout(resolve, 200));
  await authority.settled();
  t.equal(authority.bundles.get(trustDomain)?.length, 1);
});

t.test('texts of bundles', async (t) => {
  const nowMs = Date.now();
  const cloud = await bundleOf('cloud.example');
  const hints = { field: 'b', nowMs };
  const read = (text: string, more = {}) => parseBundle(text, { ...hints, ...more });
  for (const text of [
    bundleJson(cloud, 7),
    bundlePem(cloud),
    bundlePem(cloud) + bundlePem(cloud),
  ]) {
    t.same(read(text).roots.map(String), cloud.roots.map(String));
    t.equal(read(text).trustDomain, 'cloud.example');
  }
  const nameless = await makeCertificate({
    ...{ uris: [], isAuthority: true, notBeforeMs: nowMs, notAfterMs: nowMs + hourMs },
  });
  const company = bundlePem({ roots: [nameless.certificate] });
  t.equal(read(company, { trustDomain: 'spiffe://a.example' }).trustDomain, 'a.example');
  const leaf = await makeCertificate({
    ...{
      uris: ['spiffe://a/b'],
      isAuthority: false,
      notBeforeMs: nowMs,
      notAfterMs: nowMs + hourMs,
    },
  });
  const old = await bundleOf('cloud.example', -hourMs);
  t.equal(
    read(bundlePem(old) + bundlePem(cloud)).roots.length,
    1,
    'one that has ended is left out',
  );
  const wrong: readonly (readonly [string, object, RegExp])[] = [
    ['', {}, /want a SPIFFE bundle/],
    ['{"keys": []}', {}, /no root/],
    ['{"keys": [{"use":"x509-svid"}]}', {}, /x5c: "0 certificates" is not valid: want exactly one/],
    ['{"keys": [{"use":"x509-svid","x5c":["AAAA"]}]}', {}, /key 1: .* want an X.509 certificate/],
    ['{"keys": 7}', {}, /want a SPIFFE bundle/],
    [bundlePem({ roots: [leaf.certificate] }), {}, /no authority/],
    [bundlePem(old), {}, /have all ended \(the last one at .*want the site's present bundle/],
    [company, {}, /no URI.*--domain/],
    [bundlePem(cloud), { trustDomain: 'edge.example' }, /bundle of trust domain cloud.example/],
    [bundlePem(cloud) + bundlePem(await bundleOf('x.example')), {}, /roots of one trust domain/],
    [
      `${bundlePem(cloud)}-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----`,
      {},
      /certificates only/,
    ],
    ['x'.repeat(300_000), {}, /300000 bytes/],
    [bundlePem(cloud).repeat(33), {}, /33 roots/],
    [bundlePem(cloud), { trustDomain: 'UP' }, /trust domain/],
  ];
  for (const [text, more, message] of wrong) t.throws(() => read(text, more), { message });
  const key = '-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----';
  t.throws(() => read(key), { message: /^((?!secret).)*$/ });
});

t.test('what others may have read or changed is refused, with what to do', async (t) => {
  const folder = join(t.testdir({}), 'trust');
  (await open(t, folder))[Symbol.dispose]();
  const file = join(folder, 'authority.json');
  await chmod(file, 0o640);
  await t.rejects(open(t, folder), { message: /authority.json has mode 0640.*chmod 0600/ });
  await chmod(file, 0o600);
  await chmod(folder, 0o755);
  await t.rejects(open(t, folder), { message: /trust has mode 0755.*chmod 0700/ });
  await chmod(folder, 0o700);
  if (process.getuid?.() === 0) {
    await chown(file, 65534, 65534);
    await t.rejects(open(t, folder), { message: /authority.json belongs to uid 65534.*chown 0/ });
    await chown(file, 0, 0);
  }
  const text = await readFile(file, 'utf8');
  const { key } = (JSON.parse(text) as { roots: { key: string }[] }).roots[0] ?? { key: '' };
  await writeFile(file, text.slice(0, -20));
  const broken = await open(t, folder).then(() => 'opened', String);
  t.match(broken, /is broken/);
  t.ok(key.length > 100 && !broken.includes(key.slice(40, 60)), 'nothing of the key');
  await rm(file);
  await writeFile(join(folder, 'elsewhere'), text, { mode: 0o600 });
  await symlink(join(folder, 'elsewhere'), file);
  await t.rejects(open(t, folder), { message: /is a symbolic link/ });
  const plain = join(folder, 'plain');
  await writeFile(plain, 'x');
  await t.rejects(open(t, plain), { message: /is no folder/ });
  await mkdir(join(folder, 'bad.example.bundle.json'));
  t.match(await importedBundles(folder, Date.now()), [{ bundle: undefined, error: /is no file/ }]);
  t.notMatch(await readdir(folder), /lock/);
});
