// SPDX-License-Identifier: Apache-2.0
import t, { type Test } from 'tap';
import { status } from '@grpc/grpc-js';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { agentAnswer, TestAgent } from '../../test/doubles/agent.js';
import { authority } from '../../test/doubles/certificates.js';
import { systemClock as clock } from '../chain/clock.js';
import { X509SVIDResponse } from '../gen/workload.js';
import { silentLogger } from '../log/log.js';
import { askAgent } from './agent.js';
import { openSecurity } from './security.js';
import type { IdentitySource } from './types.js';
import { workloadIdentity } from './workload-api.js';

const id = 'spiffe://a.example/nsc';
const ca = await authority('a.example');

async function scene(t: Test) {
  const folder = await mkdtemp(join(tmpdir(), 'ww-agent-'));
  const agent = new TestAgent(join(folder, 'agent.sock'));
  t.teardown(async () => {
    await agent.stop();
    await rm(folder, { recursive: true });
  });
  const said: string[] = [];
  const say = (fields: { why?: string }, text: string) => said.push(`${text}: ${fields.why ?? ''}`);
  const log = { ...silentLogger(), warn: say, info: say, error: say } as never;
  return { agent, said, around: { log, clock } };
}

const answer = async (name = id, lifeMs = 3_600_000, root = ca) => {
  const issued = await root.issue({ uris: [name], notAfterMs: Date.now() + lifeMs });
  return agentAnswer([{ id: name, issued }], [root.certificate]);
};

/** What `source` says next, or in ten seconds. */
function changed(source: IdentitySource): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(reject, 10_000, new Error('nothing has changed'));
    const off = source.onChange(() => {
      off();
      clearTimeout(timer);
      resolve();
    });
  });
}

async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; !isSo(); tries++) {
    if (tries > 500) throw new Error('it did not happen');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

t.test(
  'an agent that is away, then does not know us, is waited for; the first SVID is ours',
  async (t) => {
    const { agent, said, around } = await scene(t);
    const waiting = workloadIdentity(agent.url, around);
    await until(() => said.length > 0);
    t.match(
      said[0],
      /waiting.*unix:\/\/.*cannot be reached.*start the agent.*SPIFFE_ENDPOINT_SOCKET/,
    );
    await agent.start();
    await until(() => said.length > 1);
    t.match(said[1], /has none for this process \(no identity issued\).*wanwire id/);
    await t.rejects(askAgent(agent.url, AbortSignal.timeout(5_000)), {
      code: 14,
      message: /SPIRE/,
    });
    const [first, second] = [await ca.issue({ uris: [id] }), await ca.issue({ uris: [`${id}/2`] })];
    const b = await authority('b.example');
    const two = [
      { id, issued: first },
      { id: `${id}/2`, issued: second },
    ];
    agent.answer = agentAnswer(two, [ca.certificate], { 'spiffe://b.example': [b.certificate] });
    using source = await waiting;
    const { svid, bundles } = source.current();
    t.equal(svid.id, id);
    t.same([...bundles.keys()].sort(), ['a.example', 'b.example']);
    t.match(agent.asked, { 'workload.spiffe.io': 'true' });
    t.equal((await askAgent(agent.url, AbortSignal.timeout(5_000))).svid.id, id);
  },
);

t.test('rotation, an agent that says nonsense, and one that is restarted', async (t) => {
  const { agent, said, around } = await scene(t);
  agent.answer = await answer();
  await agent.start();
  using source = await workloadIdentity(agent.url, around);
  const first = source.current();
  let told = 0;
  source.onChange(() => told++);
  const rotated = changed(source);
  agent.say(await answer());
  await rotated;
  const second = source.current();
  t.not(second.svid.certificate.serialNumber, first.svid.certificate.serialNumber);
  agent.say(agent.answer);
  const broken = X509SVIDResponse.fromPartial({
    svids: [{ spiffeId: id, x509Svid: Buffer.from('x') }],
  });
  agent.say(broken);
  await until(() => said.some((text) => /not renewed.*no use.*x509_svid/.test(text)));
  t.equal(source.current(), second, 'what cannot be understood changes nothing');
  t.equal(told, 1, 'and what is the same is no change');

  await agent.stop();
  await until(() => said.some((text) => /not renewed.*cannot be reached/.test(text)));
  t.equal(source.current(), second);
  const other = await answer(`${id}/new`);
  agent.answer = other;
  const back = changed(source);
  await agent.start();
  await back;
  t.equal(source.current().svid.id, `${id}/new`);
  t.ok(said.includes('the agent answers again: '));
  source[Symbol.dispose]();
  await until(() => agent.streams === 0);
});

t.test('without the agent it goes on until it expires, and not longer', async (t) => {
  const { agent, around } = await scene(t);
  agent.answer = await answer(id, 5_000);
  await agent.start();
  using source = await workloadIdentity(agent.url, around);
  const ended = changed(source);
  await agent.stop();
  t.equal(source.current().svid.id, id);
  await ended;
  t.throws(() => source.current(), {
    code: status.UNAVAILABLE,
    message:
      /identity spiffe:\/\/a.example\/nsc expired 20.*not renewed: no identity from the agent at unix:.*start the agent/,
  });
  agent.answer = await answer();
  const back = changed(source);
  await agent.start();
  await back;
  t.equal(source.current().svid.id, id);
});

t.test('an answer that is not in order is refused', async (t) => {
  const { agent, around } = await scene(t);
  await agent.start();
  const { log } = around;
  const good = await answer();
  const [one] = good.svids;
  const cases: readonly [X509SVIDResponse | status, RegExp][] = [
    [X509SVIDResponse.create(), /has none for this process/],
    [
      { ...good, svids: [{ ...one, spiffeId: `${id}/x` } as never] },
      /spiffe_id.*as the certificate/,
    ],
    [{ ...good, svids: [{ ...one, bundle: Buffer.of() } as never] }, /bundle.*roots of a.example/],
    [{ ...good, federatedBundles: { 'Not A Domain': Buffer.of() } }, /federated_bundles/],
    [status.UNIMPLEMENTED, /no SPIFFE agent/],
    [status.INTERNAL, /INTERNAL/],
  ];
  for (const [wrong, message] of cases) {
    agent.answer = wrong;
    await t.rejects(askAgent(agent.url, AbortSignal.timeout(5_000)), { code: 14, message });
  }
  await agent.stop();
  const stop = new AbortController();
  const waiting = workloadIdentity(agent.url, { log, clock, signal: stop.signal });
  stop.abort(new Error('enough'));
  await t.rejects(waiting, { message: 'enough' });
  await t.rejects(workloadIdentity('http://x', around), { code: 3 });
});

t.test('what the environment says', async (t) => {
  const { agent, around } = await scene(t);
  const config = {
    WANWIRE_INSECURE: false,
    SPIFFE_ENDPOINT_SOCKET: undefined,
    NSM_MAX_TOKEN_LIFETIME: 1_000,
  };
  const named = { ...around, name: 'me' };
  await t.rejects(openSecurity(config, named), {
    message: /SPIFFE_ENDPOINT_SOCKET.*WANWIRE_INSECURE/,
  });
  using plain = await openSecurity({ ...config, WANWIRE_INSECURE: true }, named);
  t.match(plain, { kind: 'insecure', tokens: { issue: Function } });
  agent.answer = await answer();
  await agent.start();
  using spiffe = await openSecurity({ ...config, SPIFFE_ENDPOINT_SOCKET: agent.url }, named);
  t.match(spiffe, { kind: 'spiffe', tokenLifetimeMs: 1_000 });
});
