// SPDX-License-Identifier: Apache-2.0
/** A wire between two sites: reached, steered, and changed under load, by the site's file and by its operator. */
import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { Session } from '../../cli/plane/sessions.js';
import type { Plane } from '../../cli/plane/types.js';
import { pings } from '../stage/load.js';
import { edgeSite, policy, Sites } from '../stage/sites.js';
import { ef, server, server6, used, wan } from '../stage/steered.js';
import { until } from '../stage/up.js';
import { calm, trusted } from './calm.js';
import { endlessPing } from './endless-ping.js';

const [fibre, lte] = ['fibre-cloud/wan0', 'lte-cloud/wan1'];

interface Failed {
  readonly code: number;
  readonly stderr: string;
}

t.test('one wire', async (t) => {
  const sites = await Sites.open({
    edge: edgeSite(policy('low-latency', 'best-effort', false), calm),
  });
  t.teardown(() => sites[Symbol.asyncDispose]());
  await sites.client(wan);

  const ask = (...args: readonly string[]) => sites.operator('edge', ...args);
  const json = async <T>(...args: readonly string[]): Promise<T> =>
    JSON.parse(await ask(...args, '--json')) as T;
  const refused = async (...args: readonly string[]): Promise<Failed> =>
    ask(...args).then(
      () => ({ code: 0, stderr: 'not refused' }),
      (reason: unknown) => reason as Failed,
    );
  /** Packets on the two links at the lab itself while a row of pings goes; none is lost. */
  const links = async (count = 60, tos = 0): Promise<{ fibre: number; lte: number }> => {
    const [fibre, lte] = await used(sites, async () => {
      const said = await pings(sites.pod, server, { count, tos });
      t.strictSame(said, { sent: count, received: count });
    });
    return { fibre, lte };
  };

  await t.test('reaches what is behind the cloud, each session on its link', async (t) => {
    t.strictSame(await pings(sites.pod, server, { count: 20 }), { sent: 20, received: 20 });
    t.strictSame(await pings(sites.pod, server6, { count: 20 }), { sent: 20, received: 20 });
    const marked = await links(100, ef);
    t.ok(marked.fibre >= 90 && marked.lte < 50, `marked: ${JSON.stringify(marked)}`);
    const unmarked = await links(100);
    t.ok(unmarked.lte >= 90 && unmarked.fibre < 50, `unmarked: ${JSON.stringify(unmarked)}`);
  });

  await t.test('what it says is so', async (t) => {
    const status = await json<Plane & { forwarder: object; attached: object }>('status');
    t.match(status, {
      node: { name: 'edge-forwarder', site: 'edge', routing: /^(host-routes|source-rules)$/ },
      forwarder: { running: true, reason: null },
      attached: { kind: /^(mixed|clsact)$/ },
      links: [
        { name: 'fibre', state: 'up' },
        { name: 'lte', state: 'up' },
      ],
      wires: [{ service: 'wan', interface: 'nsm-1', leader: true, policy: 'default' }],
    });
    t.strictSame(
      status.strands.map(({ name, state }) => [name, state]),
      [
        [fibre, 'up'],
        [lte, 'up'],
      ],
    );
    const before = await links();
    t.ok(before.lte >= 50 && before.fibre < 30, `by policy: ${JSON.stringify(before)}`);
    const { sessions } = await json<{ sessions: Session[] }>('sessions');
    const ping = sessions.find(({ counters }) => counters.txPackets === 60);
    t.match(ping, {
      protocol: 'icmp',
      destination: server,
      strand: lte,
      rule: null,
      current: true,
    });
    t.equal(ping?.counters.rxPackets, 60, 'and the answers');
    t.equal(ping?.class, 'best-effort');
  });

  await t.test('a session is pinned in mid-flow, and let go', async (t) => {
    const sessions = async (): Promise<readonly Session[]> =>
      (await json<{ sessions: Session[] }>('sessions')).sessions;
    const before = new Set((await sessions()).map(({ sourcePort }) => sourcePort));
    const ping = endlessPing(sites.pod, server, { intervalMs: 20 });
    t.teardown(() => ping.end());
    /** As soon as it is so; the test's own time limits it. */
    const found = async (fits: (one: Session) => boolean): Promise<Session> => {
      for (;;) {
        const one = (await sessions()).find(fits);
        if (one !== undefined) return one;
      }
    };
    const isPing = ({ protocol, sourcePort }: Session): boolean =>
      protocol === 'icmp' && !before.has(sourcePort);
    const { source, sourcePort: id, strand } = await found(isPing);
    t.equal(strand, lte);
    const flow = ['icmp', `${source}:${String(id)}`, server];
    t.match(await ask('pin', ...flow, fibre), /is pinned to fibre-cloud\/wan0\n$/);
    const pinned = await found((one) => one.sourcePort === id && one.pinned);
    t.match(pinned, { strand: fibre, moves: 1 });
    t.match((await json<Plane>('status')).pins, [{ protocol: 'icmp', strand: fibre }]);
    t.match(await ask('unpin', ...flow), /is unpinned/);
    const free = await found((one) => one.sourcePort === id && !one.pinned);
    t.match(free, { strand: lte, moves: 2 });
    t.match(await refused('unpin', ...flow), { code: 1, stderr: /not pinned/ });
    const { sent, received } = await ping.end();
    // The last one may be under way when it is told to end.
    t.ok(sent > 20 && sent - received <= 1, `${String(received)} of ${String(sent)} came back`);
    t.equal((await json<Plane>('status')).pins.length, 0);
  });

  await t.test('a strand is taken down and put up', async (t) => {
    t.match(await ask('strand', 'down', lte), /is down/);
    const down = await links();
    t.ok(down.fibre >= 50 && down.lte < 30, JSON.stringify(down));
    const { strands } = await json<Plane>('links');
    t.match(strands[1], { name: lte, state: 'down', down: ['operator'] });
    t.match(await ask('strand', 'up', lte), /is up\n$/);
    await trusted(sites, 'edge', lte);
    const up = await links();
    t.ok(up.lte >= 50 && up.fibre < 30, JSON.stringify(up));
    const wrong = await refused('strand', 'down', 'fiber-cloud/wan0');
    t.match(wrong, { code: 1, stderr: /want one of fibre-cloud\/wan0, lte-cloud\/wan1/ });
  });

  await t.test('a policy is applied over that of the file, and removed', async (t) => {
    const file = sites.world.path('other.yaml');
    await writeFile(file, policy('best-effort', 'low-latency', false));
    t.match(await ask('policy', 'apply', file), /^default: in force \(generation \d+, after/);
    t.match(await json<object>('policy', 'list'), {
      policies: [{ name: 'default', from: 'applied' }],
    });
    const applied = await links();
    t.ok(applied.fibre >= 50 && applied.lte < 30, JSON.stringify(applied));

    await writeFile(file, policy('best-effort', 'nowhere', false));
    const wrong = await refused('policy', 'apply', file);
    t.match(wrong, { code: 65, stderr: /default: "nowhere" is not valid: want a class: / });
    t.ok((await links()).fibre >= 50, 'a wrong one changes nothing');

    t.match(await ask('policy', 'remove', 'default'), /^default: removed/);
    const removed = await links();
    t.ok(removed.lte >= 50 && removed.fibre < 30, JSON.stringify(removed));
    t.match(await refused('policy', 'remove', 'default'), { code: 1, stderr: /site file's own/ });
  });

  await t.test('a policy is swapped in the file under load, without a loss', async (t) => {
    const under = pings(sites.pod, server, { count: 200 });
    await sleep(500);
    await sites.write('edge', edgeSite(policy('best-effort', 'low-latency'), calm));
    await until('the file in force', async () => (await links(20)).fibre >= 18);
    t.strictSame(await under, { sent: 200, received: 200 });
    t.ok((await links(100)).fibre >= 90, 'unmarked sessions are on the fibre now');
  });

  await t.test('a wrong file changes nothing', async (t) => {
    await sites.write('edge', edgeSite(policy('elsewhere'), calm));
    await until('the mistake', () => sites.world.player('edge').log().includes('elsewhere'));
    t.ok((await links(100)).fibre >= 90, 'as before');
  });
});
