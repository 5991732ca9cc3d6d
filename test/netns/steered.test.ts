// SPDX-License-Identifier: Apache-2.0
/** A wire between two sites: reached, steered, changed under load. */
import t, { type Test } from 'tap';
import { setTimeout as sleep } from 'node:timers/promises';
import { edgeSite, policy, Sites, type SitesOptions } from '../stage/sites.js';
import { pings } from '../stage/load.js';

const server = '10.60.0.10';
const server6 = '2001:db8:60::10';
const ef = 184;
const wan = 'kernel://wan@cloud/nsm-1';

async function sitesOf(t: Test, options: SitesOptions = {}): Promise<Sites> {
  const sites = await Sites.open(options);
  t.teardown(() => sites[Symbol.asyncDispose]());
  return sites;
}

/** Which links packets left the edge on, while `act` ran. */
async function used(sites: Sites, act: () => Promise<unknown>): Promise<number[]> {
  const links = ['edge/wan0', 'edge/wan1'];
  const count = () => Promise.all(links.map((link) => sites.lab.counters(link)));
  const before = await count();
  await act();
  const after = await count();
  return after.map(({ txPackets }, at) => txPackets - (before[at]?.txPackets ?? 0));
}

t.test('a client reaches what is behind the cloud, each session on its link', async (t) => {
  const sites = await sitesOf(t);
  await sites.client(wan);
  t.strictSame(await pings(sites.pod, server, { count: 20 }), { sent: 20, received: 20 });
  t.strictSame(await pings(sites.pod, server6, { count: 20 }), { sent: 20, received: 20 });

  const [fibre = 0, lte = 0] = await used(sites, () =>
    pings(sites.pod, server, { count: 100, tos: ef }),
  );
  t.ok(fibre >= 100 && lte < 50, `marked: ${String(fibre)} on the fibre, ${String(lte)} elsewhere`);
  const [other = 0, own = 0] = await used(sites, () => pings(sites.pod, server, { count: 100 }));
  t.ok(own >= 100 && other < 50, `unmarked: ${String(own)} on the LTE, ${String(other)} elsewhere`);

  t.test('a policy is swapped under load, without a loss', async (t) => {
    const under = pings(sites.pod, server, { count: 200 });
    await sleep(500);
    await sites.write('edge', edgeSite(policy('best-effort', 'low-latency')));
    t.strictSame(await under, { sent: 200, received: 200 });
    const [now = 0] = await used(sites, () => pings(sites.pod, server, { count: 100 }));
    t.ok(now >= 100, 'unmarked sessions are on the fibre now');
  });

  t.test('a wrong file changes nothing', async (t) => {
    await sites.write('edge', edgeSite(policy('nowhere')));
    await sleep(500);
    const [now = 0] = await used(sites, () => pings(sites.pod, server, { count: 100 }));
    t.ok(now >= 100, 'as before');
    await sites.write('edge', edgeSite(policy('best-effort', 'low-latency')));
  });
});

t.test('a link goes down, and sessions go on over the other', async (t) => {
  const sites = await sitesOf(t, { edge: edgeSite(policy('low-latency', 'best-effort', false)) });
  await sites.client(wan);
  await pings(sites.pod, server, { count: 5 });
  const under = pings(sites.pod, server, { count: 300 });
  await sleep(1_000);
  await sites.lab.set('edge/wan1', { down: true });
  const { sent, received } = await under;
  t.ok(sent - received <= 2, `${String(sent - received)} of ${String(sent)} lost`);
  const [fibre = 0] = await used(sites, () => pings(sites.pod, server, { count: 50 }));
  t.ok(fibre >= 50, 'on the fibre now');
  await sites.lab.set('edge/wan1', { up: true });
  await sleep(500);
  const [, lte = 0] = await used(sites, () => pings(sites.pod, server, { count: 50 }));
  t.ok(lte >= 50, 'and back');
});
