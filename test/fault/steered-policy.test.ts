// SPDX-License-Identifier: Apache-2.0
/** Policies swapped a thousand times, and more sessions than can be remembered, under load. */
import t from 'tap';
import { join } from 'node:path';
import { z } from 'zod';
import { askOperator } from '../../cli/operator-client.js';
import { pings } from '../stage/load.js';
import { edgeSite, policy, Sites } from '../stage/sites.js';
import { ef, server, server6, sessionsOf, statusOf, used, wan } from '../stage/steered.js';

const swaps = 1_000;

/** Sessions come home at once; that this machine is busy is no fault of a link. */
const quality = 'quality: {detectionMs: 1000, holdDownMs: 0, returnPerSecond: 0}';

let sites: Sites;
t.before(async () => {
  sites = await Sites.open({
    edge: edgeSite(policy(), quality),
    env: { WANWIRE_MAX_SESSIONS: '1024', WANWIRE_INSERT_RATE: '500' },
  });
  t.teardown(() => sites[Symbol.asyncDispose]());
  await sites.client(wan);
});

/** Two rule sets that differ in all but this: what is marked EF leaves by the fibre. */
function variant(n: number): string {
  const text = policy('low-latency', n % 2 === 0 ? 'best-effort' : 'low-latency');
  const more = Array.from({ length: (n % 7) * 3 }, (_, rule) => {
    const port = 1_000 + n + rule;
    return `    - {name: other-${String(rule)}, match: {protocol: tcp, destinationPorts: ["${String(port)}"]}, class: best-effort}\n`;
  });
  return text.replace('  default:', `${more.join('')}  default:`);
}

function apply(text: string) {
  const socket = join(sites.directory('edge'), 'forwarder', 'operator.sock');
  const question = { method: 'POST', path: '/policies', body: text } as const;
  return askOperator(
    { name: 'edge-forwarder', socket },
    question,
    z.object({ generation: z.number() }),
  );
}

/** Let the edge's node count tunnel packets marked EF at each link: they carry their inner packet's mark. */
async function watchLinks(): Promise<void> {
  const table = 'inet ww_witness';
  await sites.lab.node('edge').exec(
    'nft',
    `add table ${table};
     add chain ${table} out { type filter hook postrouting priority 0; };
     add rule ${table} out oifname "wan0" udp dport 4790 ip dscp ef counter;
     add rule ${table} out oifname "wan1" udp dport 4790 ip dscp ef counter`,
  );
}

/** What was counted there. */
async function witnessed(): Promise<number[]> {
  const said = await sites.lab.node('edge').exec('nft', 'list', 'table', 'inet', 'ww_witness');
  return [...said.matchAll(/counter packets (\d+)/g)].map(([, count]) => Number(count));
}

t.test('a thousand swaps: no marked packet on the other link, none lost', async (t) => {
  await watchLinks();
  await pings(sites.pod, server, { count: 3, tos: ef });
  const stop = new AbortController();
  const ping = async (to: string) => {
    const all = { sent: 0, received: 0 };
    while (!stop.signal.aborted) {
      const { sent, received } = await pings(sites.pod, to, { count: 200, tos: ef, intervalMs: 5 });
      all.sent += sent;
      all.received += received;
    }
    return all;
  };
  const pinging = Promise.all([ping(server), ping(server6)]);
  const quiet = pinging.catch(() => undefined);
  let generations = 0;
  try {
    const { generation: first } = await apply(variant(0));
    for (let n = 1; n < swaps; n++) await apply(variant(n));
    generations = (await apply(variant(0))).generation - first;
  } finally {
    stop.abort();
    await quiet;
  }
  t.ok(generations >= swaps, `${String(generations)} generations`);
  const marked = await pinging;
  const sent = marked.reduce((sum, one) => sum + one.sent, 0);
  t.strictSame(
    marked.map(({ received }) => received),
    marked.map((one) => one.sent),
    `${String(sent)} marked packets, none lost`,
  );
  const sessions = await sessionsOf(sites, 'edge');
  const pinged = sessions.filter(({ destination }) => [server, server6].includes(destination));
  t.ok(pinged.length > 0);
  t.strictSame([...new Set(pinged.map(({ strand }) => strand))], ['fibre-cloud/wan0']);
  t.strictSame(
    pinged.filter(({ moves }) => moves > 0),
    [],
    'no session has moved',
  );
  const [fibre = 0, lte = NaN] = await witnessed();
  t.ok(fibre >= sent, `${String(fibre)} marked packets seen at the fibre`);
  t.equal(lte, 0, 'and none at the other link');
});

t.test('a flood of sessions through one wire; another keeps its links', async (t) => {
  await apply(policy());
  await sites.client('kernel://wan@cloud/nsm-2', 'flooder', { NSM_NAME: 'flooder' });
  const script = `const s=require('dgram').createSocket('udp4');let n=0;
    s.bind(()=>{const go=()=>{for(let i=0;i<200;i++,n++)s.send('x',1024+n%60000,'${server}');
    n<20000?setTimeout(go,10):s.close()};go()})`;
  // Nobody answers ARP on a wire: its neighbour is set.
  const said = await sites.pod.exec('ip', '-4', '-j', 'neigh', 'show', 'dev', 'nsm-2');
  const [{ dst = '' } = {}] = JSON.parse(said) as { dst?: string }[];
  const way = ['default', 'via', dst, 'dev', 'nsm-2', 'onlink', 'table', '77'];
  await sites.pod.exec('ip', 'route', 'replace', ...way);
  await sites.pod.exec('ip', 'rule', 'add', 'ipproto', 'udp', 'table', '77', 'priority', '77');
  const flood = sites.pod.exec(process.execPath, '-e', script);
  const [fibre] = await used(sites, async () => {
    t.strictSame(
      await pings(sites.pod, server, { count: 200, tos: ef }),
      { sent: 200, received: 200 },
      'a steered session is not lost',
    );
  });
  t.ok(fibre >= 180, `${String(fibre)} on its link`);
  await flood;
  const { wires } = await statusOf(sites, 'edge');
  const flooded = wires.find((one) => one.interface === 'nsm-2');
  t.ok((flooded?.counters.txPackets ?? 0) >= 15_000, String(flooded?.counters.txPackets));
  t.ok((flooded?.uncached ?? 0) > 5_000, 'most of it was not remembered');
  t.equal(flooded?.drops['no-strand'], 0, 'and was steered all the same');
  t.ok((await sessionsOf(sites, 'edge')).length <= 2 * 1_024);
});
