// SPDX-License-Identifier: Apache-2.0
/** What a running site tells of its sessions, also of those that came while its forwarder was dead. */
import { join } from 'node:path';
import t from 'tap';
import { followSessions } from '../../cli/session-events.js';
import type { SessionChange, SessionEvent } from '../../forwarder/operator/session-event.js';
import { edgeSite, policy, Sites } from '../stage/sites.js';
import { indexOf, server, statusOf, wan } from '../stage/steered.js';
import { transfer } from '../stage/transfer.js';
import { lives, processesOf, until } from '../stage/up.js';
import { calm, trusted } from './calm.js';

t.test('sessions of a site, from one life of its forwarder to the next', async (t) => {
  const sites = await Sites.open({
    edge: edgeSite(policy('low-latency', 'best-effort', false), calm),
  });
  t.teardown(() => sites[Symbol.asyncDispose]());
  await sites.client(wan);
  t.ok(await indexOf(sites.pod, 'nsm-1'));
  const node = {
    name: 'edge-forwarder',
    socket: join(sites.directory('edge'), 'forwarder', 'operator.sock'),
  };
  const stop = new AbortController();
  t.teardown(() => stop.abort());
  /** Those of TCP, as they come. */
  const follow = async (): Promise<{ heard: SessionChange[]; end: Promise<void> }> => {
    const heard: SessionChange[] = [];
    const take = (event: SessionEvent): void => {
      if (event.kind !== 'lost' && event.protocol === 'tcp') heard.push(event);
      else if (event.kind === 'lost') t.fail('lost');
    };
    let [begin, begun] = [(): void => undefined, Promise.resolve()];
    begun = new Promise((resolve) => (begin = resolve));
    const end = (async () => {
      for await (const event of followSessions(node, stop.signal, begin)) take(event);
    })();
    await Promise.race([begun, end]);
    return { heard, end };
  };
  const port = '7007';
  const connection = () =>
    transfer(sites.pod, sites.lab.place('cloud/server'), {
      address: server,
      port: Number(port),
      kibPerSecond: 64,
    });
  const kinds = (heard: readonly SessionChange[]) =>
    heard.map(({ kind, from = '', link }) => `${kind} ${from}>${link}`);

  const began = Date.now();
  const first = await follow();
  await using running = await connection();
  // It may begin on the other link, where this one has only just come up.
  await until('its link', () => first.heard.at(-1)?.link === 'lte');
  await sites.operator('edge', 'strand', 'down', 'lte-cloud/wan1');
  await until('its move', () => first.heard.at(-1)?.link === 'fibre');
  const late = await follow();
  await until('that it is told as present', () => late.heard.length === 1);
  await running.finish();
  await until('its end', () => [first, late].every(({ heard }) => heard.at(-1)?.kind === 'close'));
  await sites.operator('edge', 'strand', 'up', 'lte-cloud/wan1');
  await trusted(sites, 'edge', 'lte-cloud/wan1');
  t.equal(first.heard[0]?.kind, 'create');
  t.same(kinds(first.heard).slice(-2), ['move lte>fibre', 'close >fibre']);
  t.same(kinds(late.heard), ['present >fibre', 'close >fibre']);
  const { wires, generation } = await statusOf(sites, 'edge');
  const [wire] = wires;
  t.match(first.heard[0], {
    wire: { id: wire?.id, client: 'client', service: 'wan', interface: 'nsm-1' },
    destination: `${server}:${port}`,
    class: 'best-effort',
    rule: '',
  });
  t.match(first.heard.at(-2), { strand: 'fibre-cloud/wan0', from: 'lte', class: 'best-effort' });
  t.ok(first.heard.every((one) => one.generation <= generation));
  const times = [began - 1, ...first.heard.map(({ at }) => at), Date.now() + 1];
  t.same(
    times,
    times.toSorted((a, b) => a - b),
    'in order of time',
  );

  // `up` would start another one at once.
  const up = sites.world.player('edge');
  const { forwarder = 0 } = processesOf(up);
  t.teardown(() => lives(up.pid) && process.kill(up.pid, 'SIGCONT'));
  process.kill(up.pid, 'SIGSTOP');
  process.kill(forwarder, 'SIGKILL');
  await Promise.all([first.end, late.end]);
  // There and back again: the transfer's server listens still, and ends when its client does.
  const connect = `exec 3<>/dev/tcp/${server}/${port}; echo x >&3; read -r -u 3`;
  await sites.pod.exec('timeout', '20', 'bash', '-c', connect);
  const dead = Date.now();
  process.kill(up.pid, 'SIGCONT');
  await until('the end of the forwarder', () => !lives(forwarder));
  let again = await follow().catch(() => undefined);
  await until('another forwarder', async () => {
    again ??= await follow().catch(() => undefined);
    return again !== undefined;
  });
  await until('what happened meanwhile', () => (again?.heard.length ?? 0) >= 2);
  const told = again?.heard ?? [];
  t.same(kinds(told), ['create >lte', 'close >lte']);
  t.ok((told[0]?.at ?? dead) < dead, 'it was before this life');

  await sites.world.player('edge').end('SIGTERM');
  await again?.end;
  t.pass('it ends cleanly');
});
