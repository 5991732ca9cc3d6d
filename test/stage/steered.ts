// SPDX-License-Identifier: Apache-2.0
/** What tests of steered wires look at: who used which link, what the data plane says, which processes there are. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  MonitorConnectionService,
  MonitorScopeSelector,
  type Connection,
} from '../../api/gen/connection.js';
import { channels } from '../../api/grpc/dial.js';
import { silentLogger } from '../../api/log/log.js';
import type { Plane } from '../../cli/plane/types.js';
import type { Session } from '../../cli/plane/sessions.js';
import type { Place } from '../../lab/place.js';
import { withoutProbes } from './probes.js';
import type { SiteName, Sites } from './sites.js';
import { until } from './up.js';

/** Behind the cloud. */
export const server = '10.60.0.10';
/** The same by IPv6. */
export const server6 = '2001:db8:60::10';
/** The TOS byte of DSCP EF. */
export const ef = 184;
/** What clients ask for. */
export const wan = 'kernel://wan@cloud/nsm-1';

/** How many packets but probes left the edge on its two links while `act` ran; some of those that keep it together are among them. */
export async function used(sites: Sites, act: () => Promise<unknown>): Promise<[number, number]> {
  const before = await sent(sites);
  await act();
  const after = await sent(sites);
  return [after[0] - before[0], after[1] - before[1]];
}

async function sent(sites: Sites): Promise<[number, number]> {
  const counters = (device: string) => sites.lab.counters(`edge/${device}`);
  const [first, second] = await withoutProbes(sites.pins('edge'), ['wan0', 'wan1'], counters);
  return [first?.sent ?? NaN, second?.sent ?? NaN];
}

/** What `wanwire status` says of a site. */
export async function statusOf(sites: Sites, site: SiteName): Promise<Plane> {
  return JSON.parse(await sites.operator(site, 'status', '--json')) as Plane;
}

/** What `wanwire sessions` says of a site. */
export async function sessionsOf(sites: Sites, site: SiteName): Promise<readonly Session[]> {
  const said = await sites.operator(site, 'sessions', '--json');
  return (JSON.parse(said) as { sessions: Session[] }).sessions;
}

/** The index of an interface in a place; nothing where it is not there. */
export async function indexOf(place: Place, name: string): Promise<number | undefined> {
  const links = JSON.parse(await place.exec('ip', '-json', 'link', 'show')) as Link[];
  return links.find(({ ifname }) => ifname === name)?.ifindex;
}

interface Link {
  readonly ifindex: number;
  readonly ifname: string;
}

/** The wires that a site's manager has now; waits for a manager that is away. */
export async function wiresOf(sites: Sites, site: SiteName): Promise<readonly Connection[]> {
  using security = await sites.security(site);
  using peers = channels({ security, dialTimeoutMs: 1_000, log: silentLogger() });
  using channel = peers.acquire(`unix://${sites.directory(site)}/nsm.io.sock`);
  const method = MonitorConnectionService.monitorConnections;
  const end = AbortSignal.timeout(20_000);
  for (;;) {
    try {
      for await (const { connections } of channel.stream(method, MonitorScopeSelector.create(), {
        signal: end,
      })) {
        return Object.values(connections);
      }
    } catch (reason) {
      if (end.aborted) throw reason;
    }
    await sleep(100);
  }
}

/** Wait until every process on the wires' paths has been asked again from now on; a manager that has just started knows of none. */
export async function refreshed(sites: Sites): Promise<void> {
  const expiries = async (): Promise<number[]> =>
    (await wiresOf(sites, 'edge')).flatMap(({ path }) =>
      (path?.pathSegments ?? []).map(({ expires }) => Number(expires?.seconds ?? 0)),
    );
  const before = await expiries();
  await until('a refresh', async () => {
    const now = await expiries();
    const all = now.length > 0 && now.length >= before.length;
    return all && now.every((one, at) => one > (before[at] ?? 0));
  });
}
