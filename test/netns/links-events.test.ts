// SPDX-License-Identifier: Apache-2.0
/** `wanwire links`, `events` and `replay` at a running site, and at one whose forwarder stands still. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import t from 'tap';
import { edgeSite, policy, Sites } from '../stage/sites.js';
import { wan } from '../stage/steered.js';
import { processesOf, until } from '../stage/up.js';
import { command as built } from '../stage/command.js';

const exec = promisify(execFile);
const main = built();
const [fibre, lte] = ['fibre-cloud/wan0', 'lte-cloud/wan1'];

interface Told {
  readonly forwarder: { readonly running: boolean };
  readonly prober: { readonly running: boolean };
  readonly links: readonly { readonly name: string; readonly quality: Record<string, unknown> }[];
  readonly strands: readonly {
    readonly name: string;
    readonly quality: Readonly<Record<'state' | 'why', string>> & {
      readonly rttMs: number | null;
      readonly probeBytesADay: number;
    };
  }[];
}

t.test('a link is cut and comes back', async (t) => {
  const text = edgeSite(
    policy('low-latency', 'best-effort', false),
    'quality: {holdDownMs: 1000, returnPerSecond: 100}',
  ).replace('billing: metered', 'rateMbps: 30, billing: metered, capGB: 5');
  const sites = await Sites.open({ edge: text });
  t.teardown(() => sites[Symbol.asyncDispose]());
  await sites.client(wan);
  const links = async (): Promise<Told> =>
    JSON.parse(await sites.operator('edge', 'links', '--json')) as Told;
  const state = async (name: string): Promise<string> => {
    const { strands } = await links();
    return strands.find((one) => one.name === name)?.quality.state ?? '';
  };
  const setLink = (up: boolean) => sites.lab.set('edge/wan0', { loss: up ? 'none' : '100%' });

  await until('both are up', async () => [await state(fibre), await state(lte)].join() === 'up,up');
  const healthy = await links();
  t.match(healthy, { forwarder: { running: true, reason: null }, prober: { running: true } });
  t.ok(healthy.strands.every(({ quality }) => (quality.rttMs ?? 0) > 0));
  t.ok(healthy.strands.every(({ quality }) => quality.probeBytesADay > 1e6));
  t.match(healthy.links[1]?.quality, { rateMbps: 30, metered: true, capBytes: 5e9 });
  t.ok(Number(healthy.links[1]?.quality['rxBytes']) > 0, 'of this month');
  const page = await sites.operator('edge', 'links', '--rate');
  t.match(page, /^lte +best-effort +n1 +wan1 +up +1\/1 .* of 5\.00 GB \(0 %\) /m);

  const began = Date.now();
  await setLink(false);
  await until('the cut', async () => (await state(fibre)) === 'down');
  await setLink(true);
  await until('its return', async () => (await state(fibre)) === 'up');

  const lines = await sites.operator('edge', 'events', '--since', '5m');
  t.match(lines, /fibre-cloud\/wan0 +(up|returning|degraded) > down .* nothing has been answered/);
  t.match(lines, /fibre-cloud\/wan0 +down > held /);
  t.match(lines, /fibre-cloud\/wan0 +returning > up /);
  const recording = await sites.operator('edge', 'events', '--since', '1h', '--json');
  const file = sites.world.path('recorded.json');
  await writeFile(file, recording);
  const { stdout } = await exec(process.execPath, [main, 'replay', file, '--json']);
  const replayed = JSON.parse(stdout) as {
    samples: number;
    same: number;
    recorded: { events: { kind: string; at: number }[] };
  };
  t.ok(replayed.samples > 10);
  const { events } = replayed.recorded;
  t.equal(replayed.same, events.length, 'the same rules decide the same');
  t.ok(events.some(({ kind, at }) => kind === 'down' && at > began));

  const { forwarder } = processesOf(sites.world.player('edge'));
  if (forwarder === undefined) throw new Error('there is no forwarder');
  process.kill(forwarder, 'SIGSTOP');
  try {
    const still = await links();
    t.match(still, { forwarder: { running: false, reason: /has not answered within 1 s/ } });
    t.match(still.strands, [
      { name: fibre, quality: { state: 'up', why: 'no forwarder' } },
      { name: lte, quality: { state: 'up', why: 'no forwarder' } },
    ]);
    t.match(still.links[1]?.quality, { rateMbps: 30, capBytes: 5e9 });
    const used = (told: Told): number => Number(told.links[1]?.quality['rxBytes']);
    t.ok(used(still) >= used(healthy), `${String(used(still))} of ${String(used(healthy))}`);
    await setLink(false);
    await until('the cut', async () => (await state(fibre)) === 'down');
    const silent = (await links()).strands[0]?.quality.why;
    t.match(silent, /^no answer for \d+\.\d s, no forwarder$/);
    t.match(await sites.operator('edge', 'events'), /fibre-cloud\/wan0 +returning > up /);
    await setLink(true);
  } finally {
    process.kill(forwarder, 'SIGCONT');
  }
  await until('its return', async () => (await state(fibre)) === 'up');
  t.match(await readFile(sites.world.path('edge/forwarder/quality.ndjson'), 'utf8'), /"setup"/);
});
