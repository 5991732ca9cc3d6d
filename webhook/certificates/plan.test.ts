// SPDX-License-Identifier: Apache-2.0
/** A certificate's life, step by step: what is served is trusted at every moment. */
import t from 'tap';
import { after } from './make.js';
import { dataOf, endOf, materialIn, type Material } from './material.js';
import { planOf, type Situation } from './plan.js';

const hourMs = 3_600_000;
const hosts = ['hook.mesh.svc', '127.0.0.1'];

const situation = (material: Material | undefined, more: Partial<Situation> = {}): Situation => ({
  ...{ material, nowMs: Date.now(), lifetimeMs: 90 * hourMs, hosts },
  ...{ trustedSinceMs: undefined, settleMs: 30_000 },
  ...more,
});

/** As the next process reads it from the Secret. */
function again(material: Material): Material {
  const read = materialIn({ metadata: { name: 'a' }, data: dataOf(material) });
  if (read === undefined) throw new Error('cannot be read');
  return read;
}

const isTrusted = ({ serving, roots }: Material): boolean =>
  roots.some((root) => serving.certificate.verify(root.publicKey));

t.test('from the first to the second one', async (t) => {
  const empty = situation(undefined);
  t.equal(planOf(empty).step, 'replace');
  const first = again(await after('replace', empty));
  t.match(first.serving.certificate.checkHost('hook.mesh.svc'), 'hook.mesh.svc');
  t.equal(first.serving.certificate.checkIP('127.0.0.1'), '127.0.0.1');
  t.equal(planOf(situation(first)).step, 'nothing');

  const nowMs = endOf(first.serving.certificate) - 29 * hourMs;
  const late = situation(first, { nowMs });
  t.equal(planOf(late).step, 'prepare', 'when a third is left');
  const prepared = again(await after('prepare', late));
  t.equal(String(prepared.serving.certificate), String(first.serving.certificate), 'not yet');
  t.equal(prepared.roots.length, 2);
  const waiting = situation(prepared, { nowMs });
  t.equal(planOf(waiting).step, 'nothing', 'not before everybody trusts it');
  t.match(planOf({ ...waiting, trustedSinceMs: nowMs - 1_000 }), {
    ...{ step: 'nothing', againMs: 29_000 },
  });
  t.equal(planOf({ ...waiting, trustedSinceMs: nowMs - 30_000 }).step, 'switch');
  const second = again(await after('switch', waiting));
  t.not(String(second.serving.certificate), String(first.serving.certificate));
  t.equal(second.roots.length, 2, 'the old root stays: somebody may still serve by it');
  t.ok([first, prepared, second].every(isTrusted));

  const ended = situation(second, { nowMs: nowMs + 30 * hourMs });
  t.equal(planOf(ended).step, 'forget');
  const third = again(await after('forget', ended));
  t.equal(third.roots.length, 1);
  t.ok(isTrusted(third));
  t.equal(planOf(situation(third, { nowMs: ended.nowMs })).step, 'nothing');
});

t.test('what cannot be used is replaced at once', async (t) => {
  const good = await after('replace', situation(undefined));
  const other = await after('replace', situation(undefined));
  const nowMs = endOf(good.serving.certificate);
  t.equal(planOf(situation(good, { nowMs })).step, 'replace', 'it has ended');
  const hostsNow = ['other.mesh.svc'];
  t.equal(planOf(situation(good, { hosts: hostsNow })).step, 'replace', 'of another Service');
  t.equal(planOf(situation({ ...good, roots: other.roots })).step, 'replace', 'of no root');
  for (const data of [
    {},
    { ...dataOf(good), 'tls.key': '' },
    { ...dataOf(good), 'tls.key': dataOf(other)['tls.key'] ?? '' },
    { 'tls.crt': '!', 'tls.key': '?' },
  ]) {
    t.equal(materialIn({ metadata: { name: 'a' }, data }), undefined);
  }
  const odd = { ...dataOf(good), 'ca.crt': Buffer.from('no PEM').toString('base64') };
  t.equal(planOf(situation(materialIn({ metadata: { name: 'a' }, data: odd }))).step, 'replace');
});
