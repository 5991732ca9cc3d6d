// SPDX-License-Identifier: Apache-2.0
/** Every process killed with -9, with a real client: wires live on where they can, and are healed where not. */
import t, { type Test } from 'tap';
import { client, endpoint, pod } from '../../lab/roles.js';
import type { Player } from '../../lab/world.js';
import {
  ConnectionEventType,
  MonitorConnectionService,
  MonitorScopeSelector,
  State,
  type Connection,
} from '../../api/gen/connection.js';
import { ipOf } from '../../api/chain/connection.js';
import { Stage, type StageOptions } from '../stage/stage.js';
import { until } from '../stage/up.js';

t.setTimeout(300_000);

const interfaceName = 'nsm-1';
/** Refreshes are at a fifth of it: soon, but not all the time. */
const lifetime = { NSM_MAX_TOKEN_LIFETIME: '20s' };

const options: StageOptions = {
  manager: lifetime,
  forwarder: lifetime,
  endpoints: {
    'hello-1': { ...lifetime, NSM_CIDR_PREFIX: '[172.16.1.0/24],[2001:db8:1::/64]' },
    'hello-2': { ...lifetime, NSM_CIDR_PREFIX: '[172.16.2.0/24],[2001:db8:2::/64]' },
  },
};

async function startClient(stage: Stage): Promise<Player> {
  return stage.world.start(
    client(stage.world, 'client', {
      ...lifetime,
      NSM_NETWORK_SERVICES: `kernel://hello/${interfaceName}`,
      NSM_REQUEST_TIMEOUT: '5s',
    }),
  );
}

async function index(player: Player): Promise<number | undefined> {
  const said = await player.run('ip', '-json', 'link', 'show').catch(() => '[]');
  const links = JSON.parse(said) as { ifindex: number; ifname: string }[];
  return links.find(({ ifname }) => ifname === interfaceName)?.ifindex;
}

/** A process's connections now, and each time they change, until `wanted`. */
async function seen(
  stage: Stage,
  what: string,
  wanted: (wires: readonly Connection[]) => boolean,
  socket = 'manager.sock',
) {
  const wires = new Map<string, Connection>();
  using channel = stage.dial(socket);
  const signal = AbortSignal.timeout(30_000);
  const method = MonitorConnectionService.monitorConnections;
  // The stream breaks when the manager is killed: it is followed again.
  while (!signal.aborted) {
    try {
      for await (const event of channel.stream(method, MonitorScopeSelector.create(), { signal })) {
        if (event.type === ConnectionEventType.INITIAL_STATE_TRANSFER) wires.clear();
        for (const [id, wire] of Object.entries(event.connections)) {
          if (event.type === ConnectionEventType.DELETE) wires.delete(id);
          else wires.set(id, wire);
        }
        const now = [...wires.values()];
        if (wanted(now)) return now;
      }
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  throw new Error(
    `waited 30 s for ${what}; there are ${JSON.stringify([...wires.values()].map(({ state, networkServiceEndpointName }) => ({ state, networkServiceEndpointName })))}`,
  );
}

const up = (wires: readonly Connection[]): boolean =>
  wires.some(({ state, path }) => state === State.UP && (path?.pathSegments.length ?? 0) === 4);

async function steady(stage: Stage): Promise<Connection> {
  const [wire] = await seen(stage, 'a wire', up);
  if (wire === undefined) throw new Error('no wire');
  return wire;
}

/** Ping during `act`; gives how many of the echoes were lost. */
async function lostDuring(player: Player, wire: Connection, act: () => Promise<unknown>) {
  const [cidr = ''] = ipOf(wire).dstIpAddrs;
  const count = 150;
  const pinging = player.run(
    'ping',
    '-n',
    '-q',
    '-i0.02',
    `-c${String(count)}`,
    '-W1',
    cidr.split('/')[0] ?? '',
  );
  await act();
  const received = Number(/(\d+) received/.exec(await pinging)?.[1] ?? NaN);
  return count - received;
}

type Act = (t: Test, stage: Stage) => Promise<void>;
const scenes: [name: string, act: Act][] = [];

/** All play on one stage, in this order: each leaves it with its processes and without a wire. */
function scene(name: string, act: Act): void {
  scenes.push([name, act]);
}

scene('the forwarder is killed: no packet is lost, and the wire is adopted', async (t, stage) => {
  const nsc = await startClient(stage);
  const wire = await steady(stage);
  const before = await index(nsc);
  const lost = await lostDuring(nsc, wire, async () => {
    await stage.world.player('forwarder').end('SIGKILL');
    await stage.restart('forwarder');
  });
  t.equal(lost, 0);
  // The next refresh goes through the new forwarder.
  const requested = await seen(
    stage,
    'a refresh',
    (wires) =>
      up(wires) &&
      wires[0]?.path?.pathSegments[2]?.expires?.seconds !==
        wire.path?.pathSegments[2]?.expires?.seconds,
  );
  t.equal(requested.length, 1);
  t.equal(await index(nsc), before, 'the same interface');
  t.equal(await nsc.end('SIGTERM'), 0);
  await seen(stage, 'no wire', (wires) => wires.length === 0);
  const nse = stage.world.player(wire.networkServiceEndpointName);
  t.equal(await index(nse), undefined, 'a Close after the restart removes the interface');
  t.notMatch(await nse.run('ip', '-br', 'link'), /^(?!lo)\S/m, 'nothing is left at the endpoint');
});

scene('the manager is killed: no packet is lost, and all is found again', async (t, stage) => {
  const nsc = await startClient(stage);
  const wire = await steady(stage);
  const before = await index(nsc);
  const lost = await lostDuring(nsc, wire, async () => {
    await stage.world.player('manager').end('SIGKILL');
    await stage.restart('manager');
    await steady(stage);
  });
  t.equal(lost, 0);
  t.equal(await index(nsc), before, 'the same interface');
  // The endpoints and the forwarder have registered again: a new wire is possible.
  const other = await stage
    .caller()
    .ask({ id: 'new', service: 'hello', interfaceName: 'nsm-2', inodeUrl: stage.podUrl });
  t.match(await stage.pod.run('ip', '-br', 'link', 'show', 'nsm-2'), 'UP');
  await stage.caller().close(other);
  t.equal(await nsc.end('SIGTERM'), 0);
});

scene('the endpoint is killed: the client moves to the other', async (t, stage) => {
  const nsc = await startClient(stage);
  const wire = await steady(stage);
  const gone = wire.networkServiceEndpointName;
  await stage.world.player(gone).end('SIGKILL');
  const [now] = await seen(
    stage,
    'the other endpoint',
    (wires) => up(wires) && wires[0]?.networkServiceEndpointName !== gone,
  );
  const [cidr = ''] = now === undefined ? [] : ipOf(now).dstIpAddrs;
  t.match(
    await nsc.run('ping', '-n', '-q', '-c3', '-i0.05', '-W1', cidr.split('/')[0] ?? ''),
    '3 received',
  );
  t.equal(await nsc.end('SIGTERM'), 0);
  await stage.restart(gone);
});

scene(
  'the forwarder is killed in mid Request: the same wishes succeed afterwards',
  async (t, stage) => {
    const ids = Array.from({ length: 40 }, (_, n) => n);
    const ask = (n: number) =>
      stage.caller().ask(
        {
          id: `mid-${String(n)}`,
          service: 'hello',
          interfaceName: `nsm-${String(n)}`,
          inodeUrl: stage.podUrl,
        },
        10_000,
      );
    const first = ids.map((n) => ask(n).catch(() => undefined));
    await Promise.race(first);
    await stage.world.player('forwarder').end('SIGKILL');
    await Promise.all(first);
    await stage.restart('forwarder');
    const answers = await Promise.allSettled(ids.map(ask));
    const wires = answers.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const refusals = answers.flatMap((one) =>
      one.status === 'rejected' ? [String(one.reason)] : [],
    );
    t.same(refusals, []);
    const said = await stage.pod.run('ip', '-br', 'link');
    t.equal(said.split('\n').filter((line) => line.startsWith('nsm-')).length, ids.length);
    await Promise.all(wires.map((wire) => stage.caller().close(wire)));
    t.notMatch(await stage.pod.run('ip', '-br', 'link'), /nsm-/, 'nothing is left');
  },
);

scene('a registry entry that nobody refreshes expires, and comes back', async (t, stage) => {
  // Stopped, not killed: its socket still accepts, its registration does not go on.
  for (const name of ['hello-1', 'hello-2']) process.kill(stage.world.player(name).pid, 'SIGSTOP');
  const wish = { id: 'late', service: 'hello', interfaceName: 'nsm-9', inodeUrl: stage.podUrl };
  let refusal = '';
  const lastMs = performance.now() + 45_000;
  while (performance.now() < lastMs && !/no endpoint|NOT_FOUND|not found/i.test(refusal)) {
    refusal = await stage
      .caller()
      .ask(wish, 2_000)
      .then(
        () => 'answered',
        (reason: unknown) => String(reason),
      );
  }
  t.match(refusal, /hello/, 'the refusal names the service');
  for (const name of ['hello-1', 'hello-2']) process.kill(stage.world.player(name).pid, 'SIGCONT');
  const wire = await stage.caller().ask(wish, 15_000);
  await stage.caller().close(wire);
});

scene(
  'an endpoint is killed and its namespace lives on: forgotten, then left',
  async (t, stage) => {
    const lasting = await pod(stage.world, 'lasting');
    const short = { NSM_MAX_TOKEN_LIFETIME: '8s', NSM_SERVICE_NAMES: 'lasting' };
    for (const name of ['lasting-1', 'lasting-2']) {
      const prefix = { NSM_CIDR_PREFIX: name === 'lasting-1' ? '192.0.2.0/24' : '198.51.100.0/24' };
      const role = endpoint(stage.world, name, { ...short, ...prefix });
      await stage.world.start({ ...role, namespace: lasting });
    }
    const nsc = await stage.world.start(
      client(stage.world, 'client', {
        NSM_NETWORK_SERVICES: `kernel://lasting/${interfaceName}`,
        NSM_REQUEST_TIMEOUT: '4s',
      }),
    );
    const wire = await steady(stage);
    const gone = wire.networkServiceEndpointName;
    await stage.world.player(gone).end('SIGKILL');
    const [now] = await seen(
      stage,
      'the other endpoint',
      (wires) => up(wires) && wires[0]?.networkServiceEndpointName !== gone,
    );
    t.match(now?.networkServiceEndpointName, /^lasting-/);
    t.equal(await nsc.end('SIGTERM'), 0);
    t.notMatch(await lasting.run('ip', '-br', 'link'), /^(?!lo)\S/m, 'nothing is left');
  },
);

// From here on somebody is missing.
scene('the client is killed: its wire is closed when its namespace dies', async (t, stage) => {
  const nsc = await startClient(stage);
  const wire = await steady(stage);
  await nsc.end('SIGKILL');
  // The manager hears no more of it, and lets it expire.
  await seen(stage, 'no wire', (wires) => wires.length === 0, 'forwarder.sock');
  const nse = stage.world.player(wire.networkServiceEndpointName);
  t.equal(await index(nse), undefined);
});

scene('the client is killed while the forwarder is away: swept at its return', async (t, stage) => {
  const wires = await Promise.all(
    [0, 1, 2].map((n) =>
      stage.caller().ask({
        id: `left-${String(n)}`,
        service: 'hello',
        interfaceName: `nsm-${String(n)}`,
        inodeUrl: stage.podUrl,
      }),
    ),
  );
  t.equal(wires.length, 3);
  await stage.world.player('forwarder').end('SIGKILL');
  await stage.pod.end('SIGKILL');
  const forwarder = await stage.restart('forwarder');
  await until('its word', () => forwarder.log().includes('"adopted":'));
  t.match(forwarder.log(), /"adopted":0/, 'no dead wire is adopted');
  await seen(stage, 'no wire', (now) => now.length === 0, 'forwarder.sock');
  const nse = stage.world.player('hello-1');
  t.notMatch(await nse.run('ip', '-br', 'link'), /^(?!lo)\S/m, 'nothing is left at the endpoint');
});

t.test('on one stage', async (t) => {
  await using stage = await Stage.open(options);
  for (const [name, act] of scenes) {
    await t.test(name, { timeout: 90_000 }, (t) => act(t, stage));
  }
});
