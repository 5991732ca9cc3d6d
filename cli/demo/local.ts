// SPDX-License-Identifier: Apache-2.0
/** The demo of one machine (`wanwire demo --local`), act by act: request, ping, refresh, failover, close. Each act rejects when what it shows is not so. */
import { connect } from 'node:net';
import { requestMs } from '../../api/elements/hop-time.js';
import { ipOf } from '../../api/chain/connection.js';
import type { Connection } from '../../api/gen/connection.js';
import { agentSocket, client, endpoint, forwarder, manager } from '../../lab/roles.js';
import type { Player, World } from '../../lab/world.js';
import { type Dialer, secured } from './identity.js';
import { interfaceOf, interfaces, ping, type Interface } from './look.js';
import { showPath } from './path.js';
import type { Screen } from './screen.js';
import { isUp, Witness } from './witness.js';
import { milliseconds, must } from './words.js';

/** What the client asks for. */
const wish = 'kernel://hello/nsm-1?app=blue';
const interfaceName = 'nsm-1';
/** Short, so that a refresh (at a fifth of it) is soon. */
const lifetime = { NSM_MAX_TOKEN_LIFETIME: '10s' };

/** What an act may use. */
export interface Stage {
  readonly world: World;
  readonly screen: Screen;
  /** Gives channels to the manager. */
  readonly dialer: Dialer;
  readonly signal: AbortSignal;
}

/** Tell the whole story; rejects at the first thing that is not as it should be. */
export async function localStory({ world, screen, dialer, signal }: Stage): Promise<void> {
  await cast(world, screen);
  using channel = await dialer.dial(`unix://${world.path('manager.sock')}`, agentSocket(world));
  const witness = new Witness(channel, signal);

  const first = witness.next('the wire', 10_000, isUp);
  const nsc = await world.start(
    client(world, 'client', {
      ...lifetime,
      NSM_NETWORK_SERVICES: wish,
      NSM_REQUEST_TIMEOUT: '3s',
      NSM_LIVENESS_CHECK_TIMEOUT: '500ms',
    }),
  );
  const wire = must(await first, 'the wire');
  const face = await request(screen, nsc, wire);
  await echo(screen, world, nsc, wire);
  await refresh(screen, witness, nsc, face);
  const moved = await failover(screen, world, witness, nsc, wire);
  await close(screen, world, witness, moved);
}

async function cast(world: World, screen: Screen): Promise<void> {
  screen.title('wanwire: a wire on one machine');
  await world.start(manager(world, lifetime));
  const groups = ['[172.16.1.0/24],[2001:db8:1::/64]', '[172.16.2.0/24],[2001:db8:2::/64]'];
  await Promise.all([
    // A name of its own: a machine's real forwarder takes care of its own interfaces only.
    world.start(forwarder(world, { ...lifetime, NSM_NAME: `forwarder-${String(process.pid)}` })),
    ...groups.map((prefix, at) =>
      world.start(
        endpoint(world, `hello-${String(at + 1)}`, {
          ...lifetime,
          NSM_SERVICE_NAMES: 'hello',
          NSM_LABELS: 'app:blue',
          NSM_CIDR_PREFIX: prefix,
        }),
      ),
    ),
  ]);
  screen.row('processes', 'manager, forwarder, endpoints hello-1 and hello-2, then a client');
  screen.row('namespaces', 'one for each endpoint and for the client');
  screen.row('security', secured);
}

async function request(screen: Screen, nsc: Player, wire: Connection): Promise<Interface> {
  const face = must(await interfaceOf(nsc, interfaceName), interfaceName);
  if (!face.up) throw new Error(`${interfaceName} is not up`);
  const ip = ipOf(wire);
  screen.title(`1  Request ${wish}`);
  screen.row('endpoint', wire.networkServiceEndpointName);
  screen.row(
    'interface',
    `${interfaceName}  index ${String(face.index)}  mtu ${String(face.mtu)}  ${face.mac}`,
  );
  screen.row(
    'addresses',
    `client    ${face.addresses.join('  ')}`,
    `endpoint  ${ip.dstIpAddrs.join('  ')}`,
  );
  screen.row('routes', ...face.routes);
  showPath(screen, wire);
  return face;
}

async function echo(screen: Screen, world: World, nsc: Player, wire: Connection): Promise<void> {
  screen.title('2  Ping both ways');
  const ip = ipOf(wire);
  const nse = world.player(wire.networkServiceEndpointName);
  for (const [from, addresses] of [
    [nsc, ip.dstIpAddrs],
    [nse, ip.srcIpAddrs],
  ] as const) {
    for (const cidr of addresses) {
      const [address = ''] = cidr.split('/');
      screen.row(
        from.name,
        `${address.padEnd(16)} 3 of 3, ${milliseconds(await ping(from, address))}`,
      );
    }
  }
}

async function refresh(
  screen: Screen,
  witness: Witness,
  nsc: Player,
  before: Interface,
): Promise<void> {
  screen.title('3  Refresh');
  const wire = must(await witness.next('a refresh', 10_000, isUp), 'the wire');
  const after = must(await interfaceOf(nsc, interfaceName), interfaceName);
  if (after.index !== before.index) {
    throw new Error(`a refresh changed index ${String(before.index)} to ${String(after.index)}`);
  }
  const [first, took] = (wire.path?.pathSegments ?? []).map(({ metrics }) => metrics[requestMs]);
  screen.row('interface', `${interfaceName}  index ${String(after.index)}, the same as before`);
  screen.row('took', `${milliseconds(Number(took))} at the manager and behind it`);
  // A client's own time reaches the manager with the next Request.
  screen.row('before', `the first Request took ${milliseconds(Number(first))}, seen by the client`);
}

async function failover(
  screen: Screen,
  world: World,
  witness: Witness,
  nsc: Player,
  wire: Connection,
): Promise<Connection> {
  const gone = wire.networkServiceEndpointName;
  screen.title(`4  Kill ${gone}`);
  const moved = witness.next(
    'another endpoint',
    15_000,
    (sight) => isUp(sight) && sight?.networkServiceEndpointName !== gone,
  );
  const start = performance.now();
  await world.player(gone).end('SIGKILL');
  const now = must(await moved, 'the wire');
  const took = performance.now() - start;
  const face = must(await interfaceOf(nsc, interfaceName), interfaceName);
  screen.row('endpoint', `${now.networkServiceEndpointName}, ${milliseconds(took)} after the kill`);
  screen.row('addresses', face.addresses.join('  '));
  for (const cidr of ipOf(now).dstIpAddrs) {
    const [address = ''] = cidr.split('/');
    screen.row(nsc.name, `${address.padEnd(16)} 3 of 3, ${milliseconds(await ping(nsc, address))}`);
  }
  return now;
}

async function close(
  screen: Screen,
  world: World,
  witness: Witness,
  wire: Connection,
): Promise<void> {
  screen.title('5  Close');
  const deleted = witness.next('the end of the wire', 10_000, (sight) => sight === undefined);
  const code = await world.player('client').end('SIGTERM');
  await deleted;
  const nse = world.player(wire.networkServiceEndpointName);
  const left = await interfaces(nse);
  if (left.length > 0) throw new Error(`${nse.name} still has ${left.join(', ')}`);
  screen.row('client', `ended with exit code ${String(code)}`);
  screen.row('interfaces', `none left at ${nse.name}`);
  for (const player of world.players.toReversed()) {
    const ended = await player.end('SIGTERM');
    if (ended !== 0)
      throw new Error(`${player.name} ended with ${String(ended)}:\n${player.log()}`);
  }
  screen.row('processes', 'all ended with exit code 0');
  if (await listens(world.path('manager.sock'))) throw new Error('somebody still listens');
}

function listens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}
