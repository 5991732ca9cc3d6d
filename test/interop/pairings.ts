// SPDX-License-Identifier: Apache-2.0
/** One pairing from its first Request to its Close: ping, two refreshes, a dead endpoint, nothing left. */
import type { Test } from 'tap';
import { setTimeout as sleep } from 'node:timers/promises';
import { pod } from '../../lab/roles.js';
import { World, type Player } from '../../lab/world.js';
import { command } from '../stage/command.js';
import { until } from '../stage/up.js';
import { client, endpoint, forwarder, forwarderUrl, manager, type Cast } from './cast.js';
import type { Judge } from './judge.js';

/** What of a stage is not made by the pairing itself. */
export type Given = Omit<Cast, 'world'> & { readonly judge: Judge; readonly identity: string };

interface Event {
  readonly type?: string;
  readonly connections?: Readonly<Record<string, Connected>>;
}

interface Connected {
  readonly payload?: string;
  readonly path?: { readonly pathSegments?: readonly { readonly expires?: string }[] };
}

/** The whole life of one wire. */
export async function life(t: Test, given: Given): Promise<void> {
  const { judge, ...rest } = given;
  await using world = await World.open(command());
  const cast: Cast = { ...rest, world };
  try {
    await live(t, cast, judge, given.identity);
  } catch (error) {
    tell(t, world);
    throw error;
  }
}

/** What they said last: the only way to know. */
function tell(t: Test, world: World): void {
  for (const player of world.players) t.comment(`${player.name}:\n${player.log()}`);
}

async function live(t: Test, cast: Cast, judge: Judge, identity: string): Promise<void> {
  const { world } = cast;
  await manager(cast);
  await forwarder(cast);
  const place = await pod(world, 'pod');
  const first = await endpoint(cast, 'nse-1', '172.16.1.0/24');
  const nsc = await client(cast, place);
  await until('a wire to the first endpoint', () => answers(place, '172.16.1.'));

  const name = `watch ${String(nsc.pid)}`;
  await judge.ask('dial', { name, identity, url: forwarderUrl(cast) });
  const lost = steady(place, '172.16.1.');
  const expiries = new Set<string>();
  await until('two refreshes', async () => {
    for (const one of await wires(judge, name)) {
      if (one.payload !== cast.payload) throw new Error(`payload ${String(one.payload)}`);
      expiries.add(one.path?.pathSegments?.[0]?.expires ?? '');
    }
    await sleep(500);
    return expiries.size > 2;
  });
  if (!t.equal(await lost(), '0', 'no ping is lost while the wire is refreshed')) tell(t, world);

  const second = await endpoint(cast, 'nse-2', '172.16.2.0/24');
  await first.end('SIGKILL');
  await until('a wire to the second endpoint', () => answers(place, '172.16.2.'));
  t.equal((await wires(judge, name)).length, 1, 'the forwarder holds one wire');

  await nsc.end('SIGTERM');
  for (const one of [place, second])
    await until('no interface of a wire', async () => (await links(one)).length === 0);
  t.strictSame(await wires(judge, name), [], 'the forwarder holds none');
  await judge.ask('hangup', { name });
}

/** The connections of a server, as its monitor begins with them. */
async function wires(judge: Judge, client: string): Promise<readonly Connected[]> {
  const method = '/connection.MonitorConnection/MonitorConnections';
  const [event] = await judge.ask<Event[]>('stream', { client, method, message: {}, count: 1 });
  return Object.values(event?.connections ?? {});
}

/** Names of the interfaces but for the loopback one. */
async function links(place: Player): Promise<readonly string[]> {
  const all = JSON.parse(await place.run('ip', '-json', 'link')) as { readonly ifname: string }[];
  return all.map(({ ifname }) => ifname).filter((name) => name !== 'lo');
}

/** The other end's address where it is one of those. */
async function target(place: Player, prefix: string): Promise<string | undefined> {
  const said = await place.run('ip', '-json', 'route', 'show', 'dev', 'nsm-1').catch(() => '[]');
  const routes = JSON.parse(said === '' ? '[]' : said) as { readonly dst: string }[];
  return routes.map(({ dst }) => dst).find((dst) => dst.startsWith(prefix));
}

async function answers(place: Player, prefix: string): Promise<boolean> {
  const to = await target(place, prefix);
  if (to === undefined) return false;
  return place.run('ping', '-c', '1', '-W', '1', to).then(
    () => true,
    () => false,
  );
}

/** Pings until it is asked, and then says how many of a hundred were lost. */
function steady(place: Player, prefix: string): () => Promise<string> {
  const stop = new AbortController();
  const rows = (async (): Promise<string> => {
    const to = (await target(place, prefix)) ?? '';
    let lost = '0';
    while (!stop.signal.aborted) {
      const said = await place.run('ping', '-n', '-q', '-i', '0.05', '-c', '20', '-W', '1', to);
      const found = /([\d.]+)% packet loss/.exec(said)?.[1] ?? '?';
      if (found !== '0') lost = found;
    }
    return lost;
  })();
  rows.catch(() => undefined);
  return async () => {
    stop.abort();
    return rows;
  };
}
