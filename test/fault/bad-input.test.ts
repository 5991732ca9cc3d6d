// SPDX-License-Identifier: Apache-2.0
/** Wrong wishes at the real processes: a clear refusal each, and nothing is left of it. */
import t, { type Test } from 'tap';
import { status } from '@grpc/grpc-js';
import { Connection, Mechanism } from '../../api/gen/connection.js';
import { NetworkServiceRequest } from '../../api/gen/networkservice.js';
import { WireError } from '../../api/errors/wire-error.js';
import type { Wish } from '../stage/caller.js';
import { Stage } from '../stage/stage.js';
import { pod } from '../../lab/roles.js';
import { inodeUrl } from '../stage/processes.js';

/** A service may come yet: of this time a part is waited for it, the rest is to say so. */
const waitsMs = 6_000;

async function links(stage: Stage): Promise<string[]> {
  const said = JSON.parse(await stage.pod.run('ip', '-json', 'link')) as { ifname: string }[];
  return said.map(({ ifname }) => ifname).filter((name) => name !== 'lo');
}

/** Expect a refusal with this code whose text names all of these. */
async function refused(
  t: Test,
  act: Promise<unknown>,
  code: status,
  ...names: string[]
): Promise<void> {
  const reason: unknown = await act.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(reason instanceof WireError)) {
    t.fail(`expected ${status[code]}, got ${String(reason)}`);
    return;
  }
  t.equal(status[reason.code], status[code], reason.message);
  for (const name of names) t.match(reason.message, name, `names ${name}`);
}

t.test('wrong wishes', { timeout: 120_000 }, async (t) => {
  const endpoints = {
    'hello-1': { NSM_CIDR_PREFIX: '[172.16.1.0/24],[2001:db8:1::/64]' },
    'tiny-1': { NSM_SERVICE_NAMES: 'tiny', NSM_CIDR_PREFIX: '192.0.2.0/31' },
    'ether-1': { NSM_SERVICE_NAMES: 'ether', NSM_PAYLOAD: 'ETHERNET' },
  };
  await using stage = await Stage.open({ endpoints });
  const caller = stage.caller();
  const wish = (change: Partial<Wish>): Wish => ({
    id: 'bad-0',
    service: 'hello',
    interfaceName: 'nsm-1',
    inodeUrl: stage.podUrl,
    ...change,
  });
  /** One wrong wish; afterwards no interface may be left. */
  const wrong = (name: string, act: (t: Test) => Promise<void>) =>
    t.test(name, async (t) => {
      await act(t);
      t.same(await links(stage), [], 'no interface is left');
    });

  await wrong('an interface name of 16 characters', async (t) => {
    const interfaceName = 'nsm-567890123456';
    const act = caller.ask(wish({ interfaceName }));
    await refused(t, act, status.INVALID_ARGUMENT, interfaceName, '15');
  });

  await wrong('interface names the kernel would refuse', async (t) => {
    for (const interfaceName of ['a/b', 'a b', '.', '..', 'a:b']) {
      const act = caller.ask(wish({ interfaceName }));
      await refused(t, act, status.INVALID_ARGUMENT, interfaceName);
    }
  });

  await wrong('a name that another interface has', async (t) => {
    await stage.pod.run('ip', 'link', 'add', 'taken', 'type', 'bridge');
    const act = caller.ask(wish({ interfaceName: 'taken' }));
    await refused(t, act, status.ALREADY_EXISTS, 'taken');
    t.same(await links(stage), ['taken'], 'the other is untouched');
    await stage.pod.run('ip', 'link', 'del', 'taken');
  });

  await wrong('a name that another wire has', async (t) => {
    const wire = await caller.ask(wish({ id: 'good' }));
    await refused(t, caller.ask(wish({ id: 'bad-1' })), status.ALREADY_EXISTS, 'nsm-1');
    t.match(await stage.pod.run('ip', '-br', 'link', 'show', 'nsm-1'), 'UP');
    await caller.close(wire);
  });

  await wrong('an unknown service', async (t) => {
    const act = caller.ask(wish({ service: 'nope' }), waitsMs);
    await refused(t, act, status.NOT_FOUND, 'nope');
  });

  await wrong('an unknown endpoint', async (t) => {
    const act = caller.ask(wish({ endpoint: 'nobody' }), waitsMs);
    await refused(t, act, status.NOT_FOUND, 'nobody');
  });

  await wrong('a payload that the service has not', async (t) => {
    const act = caller.ask(wish({ service: 'ether', payload: 'IP' }));
    await refused(t, act, status.INVALID_ARGUMENT, 'ether', 'IP', 'ETHERNET');
  });

  await wrong('an empty pool, and room again after a Close', async (t) => {
    const wire = await caller.ask(wish({ id: 'first', service: 'tiny', interfaceName: 'tiny-1' }));
    const second = wish({ id: 'second', service: 'tiny', interfaceName: 'tiny-2' });
    await refused(t, caller.ask(second), status.RESOURCE_EXHAUSTED, '192.0.2.0/31');
    await caller.close(wire);
    await caller.close(await caller.ask(second));
  });

  await wrong('everything excluded', async (t) => {
    const excludedPrefixes = ['0.0.0.0/0', '::/0'];
    await refused(t, caller.ask(wish({ excludedPrefixes })), status.RESOURCE_EXHAUSTED);
  });

  await wrong('excluded prefixes that are none', async (t) => {
    const act = caller.ask(wish({ excludedPrefixes: ['10.0.0.0/33'] }));
    await refused(t, act, status.INVALID_ARGUMENT, '10.0.0.0/33');
  });

  await wrong('the namespace of no process', async (t) => {
    const act = caller.ask(wish({ inodeUrl: 'inode://4/1' }));
    await refused(t, act, status.NOT_FOUND, 'inode://4/1');
  });

  await wrong('a namespace URL that is none', async (t) => {
    for (const inodeUrl of ['', 'inode://4', 'inode://a/b', 'http://x', 'file://relative']) {
      await refused(t, caller.ask(wish({ inodeUrl })), status.INVALID_ARGUMENT, 'inodeURL');
    }
  });

  await wrong('a namespace that is gone by then', async (t) => {
    const gone = await pod(stage.world, 'gone');
    const url = await inodeUrl(gone.pid);
    await gone.end('SIGKILL');
    await refused(t, caller.ask(wish({ inodeUrl: url })), status.NOT_FOUND, url);
  });

  await wrong('mechanisms that we do not have are refused at once', async (t) => {
    for (const type of ['MEMIF', 'VFIO', 'IPSEC', 'CARRIER_PIGEON']) {
      const request = caller.first(wish({}));
      const mechanisms = [Mechanism.create({ cls: 'LOCAL', type })];
      const start = performance.now();
      const act = caller.send({ ...request, mechanismPreferences: mechanisms }, 10_000);
      await refused(t, act, status.UNIMPLEMENTED, type, 'KERNEL');
      t.ok(performance.now() - start < 5_000, 'long before the deadline');
    }
  });

  await wrong('the first mechanism that we have is taken', async (t) => {
    const request = caller.first(wish({}));
    const memif = Mechanism.create({ cls: 'LOCAL', type: 'MEMIF' });
    const mechanismPreferences = [memif, ...request.mechanismPreferences];
    const wire = await caller.send({ ...request, mechanismPreferences });
    t.match(wire.mechanism, { cls: 'LOCAL', type: 'KERNEL', parameters: { name: 'nsm-1' } });
    await caller.close(wire);
  });

  await wrong('a Request without a connection, an id, a path that fits', async (t) => {
    const nothing = NetworkServiceRequest.create({});
    await refused(t, caller.send(nothing), status.INVALID_ARGUMENT, 'connection');
    const request = caller.first(wish({}));
    const connection = request.connection ?? Connection.create();
    const path = { index: 7, pathSegments: connection.path?.pathSegments ?? [] };
    const wrong = { ...request, connection: { ...connection, path } };
    await refused(t, caller.send(wrong), status.INVALID_ARGUMENT, 'path', '7');
    const other = { ...request, connection: { ...connection, id: 'other' } };
    await refused(t, caller.send(other), status.INVALID_ARGUMENT, 'other');
  });

  await wrong('Close of an unknown id succeeds', async () => {
    const request = caller.first(wish({ id: 'never' }));
    await caller.close(request.connection ?? Connection.create());
  });

  await wrong('one id, twenty Requests at once: one wire', async (t) => {
    const wires = await Promise.all(
      Array.from({ length: 20 }, () => caller.ask(wish({ id: 'twin' }))),
    );
    const ids = new Set(wires.map((wire) => wire.path?.pathSegments.at(-1)?.id));
    t.equal(ids.size, 1, 'one connection at the endpoint');
    t.same(await links(stage), ['nsm-1']);
    const [wire] = wires;
    if (wire !== undefined) await caller.close(wire);
  });

  await wrong('a Request and its Close at once end in a known state', async (t) => {
    for (let round = 0; round < 10; round++) {
      const wire = await caller.ask(wish({ id: 'race' }));
      await Promise.all([caller.refresh(wire).catch(() => undefined), caller.close(wire)]);
      await caller.close(wire);
    }
    t.same(await links(stage), []);
  });
});
