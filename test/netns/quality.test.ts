// SPDX-License-Identifier: Apache-2.0
/**
 * Links of a running site are measured, judged and told of. How fast, and through which faults,
 * is for test/fault/quality-*; here is what the forwarder has to do with it.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import t from 'tap';
import { findProber } from '../../bpf/prober/running.js';
import { pinnedMaps } from '../../cli/plane/maps.js';
import { readPlane } from '../../cli/plane/read.js';
import { readSessions, sessionsOf as planeSessions } from '../../cli/plane/sessions.js';
import type { QualityAnswer, QualityStrand } from '../../forwarder/operator/quality-answer.js';
import type { JournalRecord } from '../../forwarder/quality/journal-record.js';
import { parseUsage, usedIn } from '../../forwarder/quality/usage.js';
import { pings } from '../stage/load.js';
import { edgeSite, policy, Sites, type SiteName } from '../stage/sites.js';
import { ef, indexOf, server, sessionsOf, wan } from '../stage/steered.js';
import { lives, processesOf, until } from '../stage/up.js';
import { endlessPing } from './endless-ping.js';

const [fibre, lte] = ['fibre-cloud/wan0', 'lte-cloud/wan1'];
/**
 * EF may use both links, at 40 ms; three sessions a second come home. A busy machine's moments of
 * silence are no fault of a link, and it may take its time to look at one that is held back.
 */
const site = edgeSite(
  policy('low-latency', 'best-effort', false).replace(
    'low-latency: {links: [{class: low-latency}]',
    'low-latency: {links: [{class: low-latency}], sla: {rttMs: 40}, fallback: [best-effort]',
  ),
  'quality: {detectionMs: 1000, holdDownMs: 3000, returnPerSecond: 3}',
);

function folderOf(name: SiteName): string {
  return join(sites.directory(name), 'forwarder');
}

function get(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socketPath = join(folderOf('edge'), 'operator.sock');
    request({ socketPath, path }, (answer) => {
      let all = '';
      answer.setEncoding('utf8').on('data', (part: string) => (all += part));
      answer.on('end', () => resolve(all));
    })
      .on('error', reject)
      .end();
  });
}

async function quality(): Promise<QualityAnswer> {
  return JSON.parse(await get('/quality')) as QualityAnswer;
}

async function strand(name: string): Promise<QualityStrand> {
  const found = (await quality()).strands.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no strand ${name}`);
  return found;
}

async function records(sinceMs = 0): Promise<JournalRecord[]> {
  const lines = (await get(`/quality/events?since=${String(sinceMs)}`)).split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as JournalRecord);
}

/** How many of the sessions that carry something are on the fibre. */
function onFibre(): number {
  using maps = pinnedMaps(sites.pins('edge'));
  const all = planeSessions(readSessions(maps, readPlane(maps)));
  return all.filter((one) => one.idleMs < 300 && one.strand === fibre).length;
}

function proberOf(name: SiteName): number | undefined {
  return findProber(sites.pins(name))?.pid;
}

/** Where the programs of probes are at the edge, as `PROGRAM-IFINDEX`. */
function stamped(): readonly string[] {
  const names = readdirSync(join(sites.pins('edge'), 'links'));
  return names.filter((name) => name.startsWith('stamp_')).sort();
}

let sites: Sites;
t.before(async () => {
  sites = await Sites.open({ edge: site });
  await sites.client(wan);
});

t.test('what is measured is told, and written down', async (t) => {
  await until('both strands up', async () =>
    (await quality()).strands.every((one) => one.state === 'up'),
  );
  const told = await quality();
  t.match(told, {
    prober: { running: true, pid: proberOf('edge') },
    slas: [{ number: 1, rttMs: 40, lossPercent: null, classes: ['default/low-latency'] }],
    links: [
      { name: 'fibre', profile: 'fixed', metered: false, capBytes: null },
      { name: 'lte', metered: true },
    ],
    strands: [
      { name: fibre, link: 'fibre', breaks: [], avoidedBy: [], heldUntil: null, intervalMs: 20 },
      { name: lte, link: 'lte' },
    ],
  });
  await until('a round trip', async () => (await strand(fibre)).rttMs !== null);
  await until('probes count', async () => ((await quality()).links[0]?.txBytes ?? 0) > 0);
  const [setup, ...rest] = await records();
  t.match(setup, { type: 'setup', groups: [{ number: 1, sla: { rttMs: 40 } }] });
  t.ok(rest.some((one) => one.type === 'sample'));
  const ups = rest.flatMap((one) => (one.type === 'event' ? one.event : []));
  t.same(
    new Set(ups.filter(({ kind }) => kind === 'up').map((one) => 'name' in one && one.name)),
    new Set([fibre, lte]),
  );
  const usage = parseUsage(readFileSync(join(folderOf('edge'), 'usage.json'), 'utf8'));
  t.ok(usage.atMs > 0 && usedIn(usage, told.links[0]?.month ?? '', 'fibre').txBytes >= 0);
});

t.test('a link that breaks an SLA loses the sessions of that class, and no others', async (t) => {
  // For longer than it takes to find it degraded.
  const marked = pings(sites.pod, server, { count: 1_000, tos: ef });
  const plain = pings(sites.pod, server, { count: 1_000 });
  const beganMs = Date.now();
  await sites.lab.set('edge/wan0', { delay: '40ms' });
  await until('degraded', async () => (await strand(fibre)).state === 'degraded');
  t.match(await strand(fibre), { breaks: [1], avoidedBy: [1], why: /RTT|rtt|round trip/ });
  t.strictSame(await marked, { sent: 1_000, received: 1_000 });
  t.strictSame(await plain, { sent: 1_000, received: 1_000 });
  const all = (await sessionsOf(sites, 'edge')).filter(({ class: of }) => of === 'low-latency');
  t.ok(
    all.some((one) => one.strand === lte && one.moves === 1),
    'it moved once',
  );
  const events = (await records(beganMs)).flatMap((one) => (one.type === 'event' ? one.event : []));
  t.match(
    events.find(({ kind }) => kind === 'degraded'),
    { name: fibre, from: 'up', sessions: /\d/ },
  );
  await sites.lab.set('edge/wan0', { delay: '10ms' });
});

t.test('a dead one is held when it is back, then sessions come home paced', async (t) => {
  await sites.write('edge', site.replace(', sla: {rttMs: 40}', ''));
  await until('no SLA', async () => (await quality()).slas.length === 0);
  await until('all is well', async () => (await strand(fibre)).avoidedBy.length === 0);
  const many = Array.from({ length: 9 }, () => endlessPing(sites.pod, server, { tos: ef }));
  t.teardown(() => Promise.all(many.map((one) => one.end())));
  await until('all nine on the fibre', () => onFibre() >= 9);
  await sites.lab.set('edge/wan0', { loss: '100%' });
  const cutMs = Date.now();
  await until('down', async () => (await strand(fibre)).state === 'down');
  t.match(await strand(fibre), { avoidedBy: [0], why: /nothing has been answered/ });
  await until('all have left', () => onFibre() === 0);
  await sites.lab.set('edge/wan0', { loss: 'none' });
  await until('held', async () => (await strand(fibre)).state === 'held');
  t.ok(((await strand(fibre)).heldUntil ?? 0) > Date.now());
  t.equal(onFibre(), 0, 'nobody is home while it is held');
  await until('all are home', () => onFibre() >= 9);
  const homeMs = Date.now();
  const beganMs = (await records(cutMs)).findLast(
    (one) => one.type === 'event' && one.event.kind === 'returning',
  )?.wallMs;
  const tookMs = homeMs - (beganMs ?? NaN);
  t.ok(tookMs > 1_500, `nine came home within ${tookMs.toFixed(0)} ms, at three a second`);
});

t.test('a killed forwarder leaves all at work, and the next one goes on with it', async (t) => {
  const [pid, programs] = [proberOf('edge'), stamped()];
  t.equal(programs.length, 4);
  const up = sites.world.player('edge');
  // On a busy machine it is a while until the next one can be asked.
  const patient = site
    .replace(', sla: {rttMs: 40}', '')
    .replace('holdDownMs: 3000', 'holdDownMs: 15000');
  t.not(patient, site);
  await sites.write('edge', patient);
  await sites.lab.set('edge/wan0', { loss: '100%' });
  await until('down', async () => (await strand(fibre)).state === 'down');
  for (const one of [up.pid, ...Object.values(processesOf(up))]) process.kill(one, 'SIGKILL');
  await up.ended;
  await sites.lab.set('edge/wan0', { loss: 'none' });
  t.ok(pid !== undefined && lives(pid));
  await sites.up('edge');
  t.equal(proberOf('edge'), pid, 'the same prober');
  t.strictSame(stamped(), programs);
  t.strictSame((await strand(fibre)).avoidedBy, [0], 'what was held back is not used at once');
  await until('held', async () => (await strand(fibre)).state === 'held');
  t.match(await strand(fibre), { avoidedBy: [0], why: /before the forwarder started/ });
  await until('returning', async () => (await strand(fibre)).avoidedBy.length === 0);
  const setups = (await records()).filter(({ type }) => type === 'setup');
  t.ok(setups.length >= 2, 'the journal goes on');
});

t.test('a killed prober is started again', async (t) => {
  const pid = proberOf('edge') ?? 0;
  process.kill(pid, 'SIGKILL');
  await until('another', () => ![undefined, pid].includes(proberOf('edge')));
  await until('told', async () => (await quality()).prober.pid === proberOf('edge'));
  t.ok((await quality()).prober.running);
});

t.test('a device that is replaced is measured again', async () => {
  const node = sites.lab.node('edge');
  const before = await indexOf(node, 'wan1');
  // Another device in its place, of the same name.
  await node.exec('ip', 'link', 'set', 'wan1', 'down');
  await node.exec('ip', 'link', 'set', 'wan1', 'name', 'old1');
  await node.exec('ip', 'link', 'add', 'wan1', 'type', 'veth', 'peer', 'name', 'far1');
  await node.exec('ip', 'link', 'set', 'far1', 'up');
  await node.exec('ip', 'link', 'set', 'wan1', 'up');
  const now = await indexOf(node, 'wan1');
  const names = (of: number | undefined) =>
    ['stamp_rx', 'stamp_tx'].map((one) => `${one}-${String(of)}`);
  await until('programs at the new one', () => {
    const there = stamped();
    return names(now).every((one) => there.includes(one));
  });
  await until('none at the old one', () => !stamped().includes(names(before)[0] ?? ''));
  await node.exec('ip', 'link', 'del', 'wan1');
  await node.exec('ip', 'link', 'set', 'old1', 'name', 'wan1');
  await node.exec('ip', 'link', 'set', 'wan1', 'up');
  await until('programs at the first again', () => {
    const there = stamped();
    return (
      names(before).every((one) => there.includes(one)) && !there.includes(names(now)[0] ?? '')
    );
  });
});

t.test('nothing is left of it', async (t) => {
  const probers = (['edge', 'cloud'] as const).map(proberOf);
  t.notOk(probers.includes(undefined));
  await sites[Symbol.asyncDispose]();
  for (const pid of probers) t.notOk(lives(pid ?? 0), 'the prober has ended');
  for (const name of ['edge', 'cloud'] as const) t.notOk(existsSync(sites.pins(name)));
});
