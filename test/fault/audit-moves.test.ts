// SPDX-License-Identifier: Apache-2.0
/** The audit while the ground moves: a link that may not be used, and a forwarder that stands still and is killed. */
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { App } from '../../lab/http/app.js';
import { entry, Mesh } from '../stage/mesh.js';
import { processesOf, until } from '../stage/up.js';

t.setTimeout(120_000);

t.test('moves are fallbacks, and what nobody tells of is unknown', async (t) => {
  await using mesh = await Mesh.open({ audited: true });
  const { sites } = mesh;
  const forwarder = (): number => {
    const pid = processesOf(sites.world.player('edge'))['forwarder'];
    if (pid === undefined) throw new Error('there is no forwarder');
    return pid;
  };
  const loads = (['http1', 'http2'] as const).flatMap((protocol) => [
    { user: 'boss', protocol, perSecond: 50 },
    { user: 'minion', protocol, perSecond: 50 },
  ]);
  const users = (): Promise<App> => App.start(mesh.sites.pod, { target: entry, loads });
  await using first = await users();
  await sleep(1_000);
  const { strands } = JSON.parse(await sites.operator('edge', 'links', '--json')) as {
    strands: readonly { name: string; link: string }[];
  };
  const fibre = strands.filter(({ link }) => link === 'fibre').map(({ name }) => name);
  for (const name of fibre) await sites.operator('edge', 'strand', 'down', name);
  await sleep(1_000);
  for (const name of fibre) await sites.operator('edge', 'strand', 'up', name);
  await sleep(1_000);
  // All of them are over: what was told of their sessions has time to come.
  const before = await first.finish();
  const moved = await mesh.auditor?.report();
  t.match(moved?.total, { wrong: 0, noUpstream: 0 });
  // A forwarder that is slow to answer is not believed: on a busy machine some requests meet that.
  const unheard = moved?.total.unknown ?? NaN;
  t.ok(unheard < 100, `${String(unheard)} unknown: ${JSON.stringify(moved?.unknown)}`);
  t.ok((moved?.total.fallback ?? 0) > 50, 'boss while fibre was down');
  t.ok(moved?.rows.every(({ rule, fallback }) => rule === 'boss' || fallback === 0));

  await using second = await users();
  await sleep(1_000);
  process.kill(forwarder(), 'SIGSTOP');
  await sleep(3_000);
  process.kill(forwarder(), 'SIGKILL');
  await sleep(1_000);
  const answered = [...before, ...(await second.finish())];
  await until('the next forwarder, heard', async () => {
    const { forwarders = [] } = (await mesh.auditor?.report()) ?? {};
    return forwarders.every(({ heard, links }) => heard && links);
  });
  const whole = await mesh.auditor?.report();
  t.match(whole?.total, { wrong: 0, noUpstream: 0, requests: answered.length });
  const { unknown = 0 } = whole?.total ?? {};
  t.ok(unknown > 300, `${String(unknown)} while it stood still`);
  t.match(whole?.forwarders, [{ heard: true, links: true, reason: null }], 'and it is heard again');
  t.ok(answered.every(({ error }) => error === undefined));
});
