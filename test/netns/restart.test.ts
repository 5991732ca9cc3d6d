// SPDX-License-Identifier: Apache-2.0
/** A forwarder that was killed knows its wires again, and removes what it does not know. */
import t, { type Test } from 'tap';
import { ConnectionEvents } from '../../api/elements/connection-events.js';
import { begin } from '../../api/elements/begin.js';
import { Connection } from '../../api/gen/connection.js';
import { silentLogger } from '../../api/log/log.js';
import { adopt } from '../../forwarder/adopt.js';
import { kernelFacets } from '../../forwarder/chain.js';
import { halfMadeGroup } from '../../forwarder/links/message.js';
import type { Wish } from '../../forwarder/mechanisms/kernel/index.js';
import { Records } from '../../forwarder/records.js';
import { sweep } from '../../forwarder/sweep.js';
import { sandbox, type Sandbox } from './sandbox.js';
import { forwarder, wiring, wishFor, type Wiring } from './wiring.js';

const log = silentLogger();
const known = { forwarder, facets: kernelFacets, log };

/** A life of a forwarder: makes and records. */
async function make(bench: Wiring, records: Records, wish: Wish): Promise<void> {
  const { indexes } = await bench.wires.realise(wish);
  const connection = Connection.fromPartial({ id: wish.id });
  const { client, endpoint } = wish;
  if (indexes) records.save({ connection, mechanism: undefined, client, endpoint, indexes });
}

async function peopled(t: Test): Promise<[Sandbox, Sandbox]> {
  const both = await Promise.all([sandbox(t), sandbox(t)]);
  await Promise.all(both.map(({ inhabit }) => inhabit()));
  return both;
}

async function indexOf(sandbox: Sandbox, name: string): Promise<number | undefined> {
  const links = await sandbox.ip('link');
  return links.find(({ ifname }) => ifname === name)?.ifindex;
}

t.test('what stands is adopted: refreshed with its index, closed, sweep spares it', async (t) => {
  const folder = t.testdir({});
  const [client, endpoint] = await peopled(t);
  const first = await wiring(t);
  await make(first, new Records(folder, log), await wishFor(first, client, endpoint));
  const index = await indexOf(client, 'nsm-1');

  const second = await wiring(t);
  const records = new Records(folder, log);
  const events = new ConnectionEvents();
  const { wires, namespaces, reaper } = second;
  const adopted = await adopt({ ...known, begin: begin(), records, namespaces, wires, events });
  t.same([...adopted], ['wire-1']);
  t.equal(events.get('wire-1')?.id, 'wire-1');
  t.equal(second.deaths.size, 2, 'its namespaces are watched');
  t.equal(await sweep({ forwarder, namespaces, wires, reaper, log }), 0);
  await wires.realise(await wishFor(second, client, endpoint));
  t.equal(await indexOf(client, 'nsm-1'), index);
  await wires.remove('wire-1');
  t.equal(await indexOf(client, 'nsm-1'), undefined);
});

t.test('a record without its wire is dropped', async (t) => {
  const folder = t.testdir({});
  const [client, endpoint] = await peopled(t);
  const other = await sandbox(t);
  const first = await wiring(t);
  const records = new Records(folder, log);
  const wish = (id: string, to: Sandbox) =>
    wishFor(first, client, to, { id, name: id, endpointName: id });
  await make(first, records, await wish('link-gone', endpoint));
  await make(first, records, await wish('netns-gone', other));
  await make(first, records, await wish('renamed', endpoint));
  await client.ip('link', 'delete', 'link-gone');
  await client.ip('link', 'set', 'renamed', 'alias', 'mine');
  await other.remove();

  const second = await wiring(t);
  const { wires, namespaces } = second;
  const events = new ConnectionEvents();
  const adopted = await adopt({ ...known, begin: begin(), records, namespaces, wires, events });
  t.same([...adopted], []);
  t.same(new Records(folder, log).load(), []);
  t.equal(wires.size, 0);
});

t.test('what nobody knows is swept, but only our own', async (t) => {
  const [client, endpoint] = await peopled(t);
  const first = await wiring(t);
  await first.wires.realise(await wishFor(first, client, endpoint));
  for (const name of ['mine', 'others']) {
    await client.ip('link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}-2`);
  }
  await client.ip('link', 'set', 'others', 'alias', `wanwire:${forwarder}-2:wire-1`);

  const { wires, namespaces, reaper } = await wiring(t);
  t.equal(await sweep({ forwarder, namespaces, wires, reaper, log }), 2, 'both ends told');
  const left = (await client.ip('link')).map(({ ifname }) => ifname).sort();
  t.same(left, ['lo', 'mine', 'mine-2', 'others', 'others-2']);
  t.equal((await endpoint.ip('link')).length, 1);
});

t.test('what was being made when its forwarder was killed is swept', async (t) => {
  const [client] = await peopled(t);
  const group = String(halfMadeGroup);
  for (const name of ['half', 'named', 'others']) {
    const made = name === 'others' ? [] : ['group', group];
    await client.ip('link', 'add', name, ...made, 'type', 'veth', 'peer', 'name', `${name}-2`);
  }
  await client.ip('link', 'set', 'named', 'alias', 'mine');
  const { wires, namespaces, reaper } = await wiring(t);
  t.equal(await sweep({ forwarder, namespaces, wires, reaper, log }), 1);
  const left = (await client.ip('link')).map(({ ifname }) => ifname).sort();
  t.same(left, ['lo', 'named', 'named-2', 'others', 'others-2']);
});

t.test('a client in a namespace is found by its inode', async (t) => {
  const [client] = await peopled(t);
  const { namespaces } = await wiring(t);
  t.match(await namespaces.find(client.url, 'f'), { path: /^\/proc\/\d+\/ns\/net$/ });
});
