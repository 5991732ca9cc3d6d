// SPDX-License-Identifier: Apache-2.0
/** Several wires of one client that lead to the same places, looked at with iproute2. */
import t, { type Test } from 'tap';
import { sandbox, type Sandbox } from './sandbox.js';
import { wiring, wishFor, type Said, type Wiring } from './wiring.js';

const places = ['198.51.100.0/24', '2001:db8:1::/48'];

interface Stage {
  readonly client: Sandbox;
  readonly endpoint: Sandbox;
  readonly bench: Wiring;
  /** Ask for wire number `n`; a stock client says no metric. */
  readonly ask: (n: number, metric?: string) => Promise<unknown>;
}

async function stage(t: Test): Promise<Stage> {
  const [client, endpoint, bench] = await Promise.all([sandbox(t), sandbox(t), wiring(t)]);
  const said = (n: number): Said => ({
    id: `wire-${String(n)}`,
    name: `nsm-${String(n)}`,
    endpointName: `nse-${String(n)}`,
    src: [`192.0.2.${String(2 * n)}/32`, `2001:db8::${String(2 * n)}/128`],
    dst: [`192.0.2.${String(2 * n + 1)}/32`, `2001:db8::${String(2 * n + 1)}/128`],
    srcRoutes: places.map((prefix) => ({ prefix })),
  });
  const ask = async (n: number, metric?: string): Promise<unknown> => {
    const more = metric === undefined ? {} : { metric };
    return bench.wires.realise(await wishFor(bench, client, endpoint, { ...said(n), ...more }));
  };
  return { client, endpoint, bench, ask };
}

/** Which interfaces lead there, with their metrics, the preferred one first. */
async function ways({ client }: Stage, to: string): Promise<(readonly [string, number])[]> {
  const family = to.includes(':') ? '-6' : '-4';
  const shown = await client.ip(family, 'route', 'show', to);
  return shown
    .map(({ dev = '', metric = 0 }) => [dev, metric] as const)
    .sort(([, one], [, other]) => one - other);
}

async function filter({ run }: Sandbox, name: string): Promise<string> {
  return (await run('cat', `/proc/sys/net/ipv4/conf/${name}/rp_filter`)).trim();
}

t.test('each has the metric that its client says, in whatever order they come', async (t) => {
  const on = await stage(t);
  await Promise.all([on.ask(3, '2'), on.ask(1, '0'), on.ask(2, '1')]);
  t.same(await ways(on, '198.51.100.0/24'), [
    ['nsm-1', 0],
    ['nsm-2', 1],
    ['nsm-3', 2],
  ]);
  const six = [
    ['nsm-1', 512],
    ['nsm-2', 513],
    ['nsm-3', 514],
  ];
  t.same(await ways(on, '2001:db8:1::/48'), six);

  await on.ask(1, '5');
  t.same(await ways(on, '198.51.100.0/24'), [
    ['nsm-2', 1],
    ['nsm-3', 2],
    ['nsm-1', 5],
  ]);
  t.same((await ways(on, '2001:db8:1::/48')).at(-1), ['nsm-1', 517]);
  await on.client.ip('route', 'del', '198.51.100.0/24', 'dev', 'nsm-3');
  await on.ask(3, '2');
  t.same((await ways(on, '198.51.100.0/24'))[1], ['nsm-3', 2], 'and gets it again');
});

t.test('of stock clients, the first is preferred and the others go behind', async (t) => {
  const on = await stage(t);
  await on.client.ip('link', 'set', 'lo', 'up');
  await on.client.ip('route', 'add', '198.51.100.0/24', 'dev', 'lo');
  await Promise.all([on.ask(1), on.ask(2), on.ask(3)]);
  const all = () => Promise.all(places.map((to) => ways(on, to)));
  const before = await all();
  const links = await on.client.ip('link');
  const indexOf = (name: string): number =>
    links.find(({ ifname }) => ifname === name)?.ifindex ?? NaN;
  for (const [at, least] of [0, 512].entries()) {
    const [first, ...rest] = (before[at] ?? []).filter(([dev]) => dev !== 'lo');
    t.equal(first?.[1], least, 'a route of somebody else’s is none of ours');
    t.same(
      rest.map(([, metric]) => metric),
      rest.map(([dev]) => least + 100 + indexOf(dev)),
    );
    t.equal(rest.length, 2);
  }
  await Promise.all([on.ask(1), on.ask(2), on.ask(3)]);
  t.same(await all(), before, 'a refresh changes nothing');

  const last = before[1]?.at(-1)?.[0] ?? '';
  await on.bench.wires.remove(last.replace('nsm', 'wire'));
  await Promise.all([1, 2, 3].filter((n) => `nsm-${String(n)}` !== last).map((n) => on.ask(n)));
  const without = before.map((one) => one.filter(([dev]) => dev !== last));
  t.same(await all(), without, 'nor does the end of another');
  await on.ask(Number(last.at(-1)));
  t.same(
    (await all()).map((one) => one.length),
    before.map((one) => one.length),
  );
});

t.test('the client’s interface takes in what could have come by another', async (t) => {
  const on = await stage(t);
  await on.client.run('sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=1');
  await on.ask(1, '0');
  await on.ask(2, '1');
  t.equal(await filter(on.client, 'nsm-2'), '2');
  t.equal(await filter(on.endpoint, 'nse-2'), '0', 'the endpoint’s is its own affair');
  await on.endpoint.ip('link', 'set', 'lo', 'up');
  await on.endpoint.ip('address', 'add', '198.51.100.9/32', 'dev', 'lo');
  const ping = () => on.client.run('ping', '-I', 'nsm-2', '-c', '1', '-W', '2', '198.51.100.9');
  t.match(await ping(), /1 received/);
  await on.client.run('sysctl', '-qw', 'net.ipv4.conf.nsm-2.rp_filter=1');
  await t.rejects(ping(), 'the test does harm');
  await on.ask(2, '1');
  t.equal(await filter(on.client, 'nsm-2'), '2');
  t.match(await ping(), /1 received/);
});
