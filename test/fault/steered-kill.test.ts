// SPDX-License-Identifier: Apache-2.0
/** Every process of both sites killed with -9 under load: nothing is lost, and what is there is taken over. */
import t, { type Test } from 'tap';
import { edgeSite, policy, Sites, type SiteName } from '../stage/sites.js';
import { pings } from '../stage/load.js';
import {
  ef,
  indexOf,
  refreshed,
  server,
  server6,
  sessionsOf,
  statusOf,
  used,
  wan,
} from '../stage/steered.js';
import { transfer } from '../stage/transfer.js';
import { lives, processesOf, until } from '../stage/up.js';

/** Refreshes come soon, so that each test sees one go through the new process. */
const lifetime = { NSM_MAX_TOKEN_LIFETIME: '24s' };

/** Sessions come home at once; that this machine is busy as processes start is no fault of a link. */
const quality = 'quality: {detectionMs: 1000, holdDownMs: 0, returnPerSecond: 0}';

let sites: Sites;
t.before(async () => {
  sites = await Sites.open({
    edge: edgeSite(policy('low-latency', 'best-effort', true), quality),
    env: lifetime,
  });
  t.teardown(() => sites[Symbol.asyncDispose]());
  await sites.client(wan, 'client', lifetime);
});

/** What the client's wire is at both sites, but for what changes with each packet. */
async function wires() {
  const told = await Promise.all((['edge', 'cloud'] as const).map((site) => statusOf(sites, site)));
  return told.map(({ wires: all }) =>
    all.map(({ number, id, vni, mtu }) => ({ number, id, vni, mtu })),
  );
}

/** Run `act` under pings of both classes, both families and a transfer, and hold that none of them noticed. */
async function unnoticed(t: Test, act: () => Promise<unknown>): Promise<void> {
  const index = await indexOf(sites.pod, 'nsm-1');
  const before = await wires();
  const moves = await movesOf();
  await using running = await transfer(sites.pod, sites.lab.place('cloud/server'), {
    address: server,
  });
  const stop = new AbortController();
  const ping = async (to: string, tos: number) => {
    const all = { sent: 0, received: 0 };
    while (!stop.signal.aborted) {
      const { sent, received } = await pings(sites.pod, to, { count: 100, tos });
      all.sent += sent;
      all.received += received;
    }
    return all;
  };
  const pinging = Promise.all([ping(server, ef), ping(server, 0), ping(server6, ef)]);
  const quiet = pinging.catch(() => undefined);
  await act().finally(() => {
    stop.abort();
    return quiet;
  });
  await pinging.catch((reason: unknown) => {
    t.comment(sites.world.players.map((one) => `${one.name}:\n${one.log()}`).join('\n'));
    throw reason;
  });
  for (const one of await pinging) {
    t.equal(one.received, one.sent, `${String(one.sent)} pings, none lost`);
  }
  const { sent, checked, wrong, error } = await running.finish();
  t.strictSame({ checked, wrong, error }, { checked: sent, wrong: 0, error: '' }, 'no byte');
  t.ok(sent > 0);
  t.equal(await indexOf(sites.pod, 'nsm-1'), index, 'the same interface');
  t.strictSame(await wires(), before, 'the same wires');
  t.ok((await movesOf()) <= moves, 'no session has changed its strand');
  await onItsLink(t);
}

/** Sessions that have changed their strand. */
async function movesOf(): Promise<number> {
  return (await sessionsOf(sites, 'edge')).filter((one) => one.moves > 0).length;
}

async function onItsLink(t: Test): Promise<void> {
  const [fibre, other] = await used(sites, () =>
    pings(sites.pod, server, { count: 100, tos: ef, intervalMs: 2 }),
  );
  t.ok(fibre >= 90 && other < 50, `marked: ${String([fibre, other])}`);
}

/** Kill one process of a site; `up` starts another one. */
async function kill(site: SiteName, role: string): Promise<void> {
  const up = sites.world.player(site);
  const pid = processesOf(up)[role];
  if (pid === undefined) throw new Error(`${site} has no ${role}`);
  process.kill(pid, 'SIGKILL');
  await until(`the end of ${role}`, () => !lives(pid));
  await until(`another ${role}`, () => (processesOf(up)[role] ?? pid) !== pid);
}

/** Kill all of a site but its data plane, and start it again. */
async function killUp(site: SiteName): Promise<void> {
  await sites.world.player(site).end('SIGKILL');
  await sites.up(site);
  await refreshed(sites);
}

t.test("the edge's processes one by one, then the cloud's", (t) =>
  unnoticed(t, async () => {
    await kill('edge', 'manager');
    await kill('edge', 'forwarder');
    await refreshed(sites);
    await kill('cloud', 'manager');
    await kill('cloud', 'forwarder');
    await kill('cloud', 'nse');
    await refreshed(sites);
  }),
);

t.test('both forwarders and both managers at once', (t) =>
  unnoticed(t, async () => {
    const all = (['edge', 'cloud'] as const).flatMap((site) => [
      kill(site, 'manager'),
      kill(site, 'forwarder'),
    ]);
    await Promise.all(all);
    await refreshed(sites);
  }),
);

t.test('wanwire up itself, at either site', (t) =>
  unnoticed(t, async () => {
    await killUp('edge');
    await killUp('cloud');
  }),
);

t.test('a Close after all that takes the wire away', async (t) => {
  await sites.world.player('client').end('SIGTERM');
  t.equal(await indexOf(sites.pod, 'nsm-1'), undefined);
  for (const site of ['edge', 'cloud'] as const)
    t.strictSame((await statusOf(sites, site)).wires, []);
});
