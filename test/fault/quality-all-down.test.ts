// SPDX-License-Identifier: Apache-2.0
/** All links are black holes for much longer than a client waits for its pings: the wire is DOWN, waits, and is as it was. */
import t from 'tap';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Metronome } from '../../lab/metronome.js';
import { linkMetrics } from '../../api/elements/link-metrics.js';
import { ipOf } from '../../api/chain/connection.js';
import { State, type Connection } from '../../api/gen/connection.js';
import { indexOf, server, statusOf, wiresOf } from '../stage/steered.js';
import { transfer, type Transfer } from '../stage/transfer.js';
import { until } from '../stage/up.js';
import { Wan } from '../stage/wan.js';
import { command as built } from '../stage/command.js';

t.setTimeout(180_000);

const wanwire = built();

/** Ten times a liveness check, and several refreshes. */
const darkMs = 10_000;
const env = { NSM_MAX_TOKEN_LIFETIME: '30s' };

let pair: Wan;
let tcp: Transfer;
let udp: Metronome;
t.before(async () => {
  // Patient, so that a busy machine is no silence.
  pair = await Wan.open({ quality: '{detectionMs: 600, holdDownMs: 1000}', env });
  t.teardown(() => pair[Symbol.asyncDispose]());
  const to = pair.sites.lab.place('cloud/server');
  tcp = await transfer(pair.sites.pod, to, { address: server, port: 7_200, kibPerSecond: 256 });
  t.teardown(() => tcp[Symbol.asyncDispose]());
  udp = await pair.stream(0);
  t.teardown(() => udp[Symbol.asyncDispose]());
});

async function wire(): Promise<Connection> {
  const [found] = await wiresOf(pair.sites, 'edge');
  if (found === undefined) throw new Error('there is no wire');
  return found;
}

/** What the forwarder of a site says of the wire. */
async function said(site: string): Promise<Readonly<Record<string, string>>> {
  const { path } = await wire();
  return path?.pathSegments.find(({ name }) => name === `${site}-forwarder`)?.metrics ?? {};
}

/** What the cloud's registry says of the quality of its links, as `wanwire find` prints it. */
async function labels(): Promise<readonly string[]> {
  const url = `unix://${pair.sites.directory('cloud')}/nsm.io.sock`;
  const command = [process.execPath, wanwire, 'find', 'endpoints'];
  const node = pair.sites.lab.node('cloud');
  const agent = `SPIFFE_ENDPOINT_SOCKET=${pair.sites.agentUrl('cloud')}`;
  const text = await node.exec('env', agent, ...command, '--connect-to', url);
  const rows = text.split('\n').filter((row) => /^cloud-wan-wan\d/.test(row));
  return rows.flatMap((row) => row.match(/(loss|rtt|state)=\w+/g) ?? []);
}

/** What must be the same before and after. */
async function lasting() {
  const { id, context, networkServiceEndpointName, path } = await wire();
  const { strands, wires } = await statusOf(pair.sites, 'edge');
  return {
    ...{ id, networkServiceEndpointName },
    addresses: context && ipOf({ context } as Connection).srcIpAddrs,
    hops: path?.pathSegments.map((segment) => segment.id),
    index: await indexOf(pair.sites.pod, 'nsm-1'),
    strands: strands.map((strand) => [strand.id, strand.name]),
    wires: wires.map((one) => one.id),
  };
}

t.test('how good its links are is told with the wire', async (t) => {
  // Each refresh tells anew; what a busy machine adds to the round trip passes.
  await until('a round trip of 20 ms', async () => {
    return Math.abs(Number((await said('edge'))[linkMetrics.rttMs]) - 20) < 10;
  });
  const { state, strands_usable, loss_percent, detection_ms } = await said('edge');
  t.strictSame([state, strands_usable], ['up', '2']);
  t.equal(Number(loss_percent), 0);
  t.ok(
    Number(detection_ms) >= 100 && Number(detection_ms) < 1_500,
    `known within ${String(detection_ms)} ms`,
  );
  t.match(await said('cloud'), { state: 'up', strands_usable: '2' });
  const good = ['loss=low', 'rtt=low', 'state=up'];
  await until(
    'labels',
    async () => String((await labels()).toSorted()) === String([...good, ...good].toSorted()),
  );
});

t.test('all links are dead, and then one is back', async (t) => {
  const before = await lasting();
  await udp.look();
  for (const link of [0, 1]) await pair.cut(link);
  await until('DOWN', async () => (await wire()).state === State.DOWN);
  t.match(await said('edge'), { state: 'down', strands_usable: '0', hold_ms: /^8\d{7}$/ });
  const untilMs = Date.now() + darkMs;
  while (Date.now() < untilMs) {
    await sleep(1_000);
    const { state } = await wire();
    if (state !== State.DOWN) t.fail(`state ${String(state)} while no link is left`);
  }
  t.strictSame(await lasting(), before, 'neither closed nor made anew');
  await until('labels', async () => String(await labels()) === 'state=down,state=down');

  await pair.mend(0);
  const backMs = Number(process.hrtime.bigint() / 1_000n) / 1_000;
  await until('UP', async () => (await wire()).state === State.UP);
  await sleep(500);
  const { out, back } = await udp.look();
  for (const { gapBeganMs, gapMs } of [out, back]) {
    const tookMs = gapBeganMs + gapMs - backMs;
    t.ok(tookMs < 1_500, `heard ${tookMs.toFixed(0)} ms after a link was back`);
  }
  await pair.mend(1);
  // Pings that were under way have failed by now.
  await sleep(2_500);
  t.strictSame(await lasting(), before, 'the same wire, strands and interface');
  await until('UP, still', async () => (await wire()).state === State.UP);
  const { sent, checked, wrong, error } = await tcp.finish();
  t.strictSame({ checked, wrong, error }, { checked: sent, wrong: 0, error: '' });
  t.ok(sent > 0, `${String(sent)} bytes`);
});
