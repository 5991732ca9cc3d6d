// SPDX-License-Identifier: Apache-2.0
/** `wanwire explain` at a running site: it and the loaded program agree, and nothing is left. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { z } from 'zod';
import { environment } from '../../api/env/read-environment.js';
import * as layout from '../../bpf/loader/layout.js';
import { BpfMap } from '../../bpf/loader/map.js';
import type { Explained } from '../../cli/explain/run.js';
import { exitCodes } from '../../cli/exit-codes.js';
import { askOperator, type Question } from '../../cli/operator-client.js';
import { look } from '../../cli/plane/look.js';
import type { NodeChoice } from '../../cli/plane/node.js';
import { readSessions, sessionsOf, type Session } from '../../cli/plane/sessions.js';
import type { Plane } from '../../cli/plane/types.js';
import { command } from '../stage/command.js';
import { edgeSite, Sites } from '../stage/sites.js';
import { server, server6 } from '../stage/steered.js';
import { until } from '../stage/up.js';
import type { Asking } from './explain-inside.js';
import { inside } from './inside.js';

const exec = promisify(execFile);
const [fibre, lte] = ['fibre-cloud/wan0', 'lte-cloud/wan1'];
const policy = `apiVersion: wanwire.io/v1alpha1
kind: SteeringPolicy
metadata: {name: default}
spec:
  services: [wan]
  classes:
    low-latency: {links: [{class: low-latency}], fallback: [best-effort], strict: true}
    bulk: {links: [{name: fibre, weight: 25}, {name: lte, weight: 75}]}
    sure: {links: [{name: fibre}], strict: true}
  rules:
    - {name: voice, match: {dscp: [ef]}, class: low-latency, mark: {dscp: cs5}}
    - {name: backup, match: {protocol: [tcp, sctp], destinationPorts: ["873", "8000-8999"]}, class: bulk}
    - {name: six, match: {destinations: ["2001:db8:60::/64"], protocol: [tcp, udp]}, class: sure}
    - {name: boss, match: {http: {headers: {user: boss}}}, class: low-latency}
    - {name: web, match: {clientLabels: {app: web}, sourcePorts: ["1024-1999"]}, class: bulk}
  default: best-effort
`;
const wires = 'kernel://wan@cloud/nsm-1?app=web,kernel://wan-low-latency@cloud/nsm-low';

/** A site with two wires, and somebody in its node who explains. */
async function stage(t: Test) {
  const sites = await Sites.open({ edge: edgeSite(policy) });
  t.teardown(() => sites[Symbol.asyncDispose]());
  // Nobody else sends on these wires, and a slow machine is no reason to choose anew.
  await sites.client(wires, 'client', { NSM_LIVENESS_CHECK_ENABLED: 'false' });
  const [own, own6, low] = await Promise.all(
    [
      ['nsm-1', '-4'],
      ['nsm-1', '-6'],
      ['nsm-low', '-4'],
    ].map(([device = '', family = '']) => addressOf(sites, device, family)),
  );
  const socket = `${sites.directory('edge')}/forwarder/operator.sock`;
  const node = { name: 'edge-forwarder', directory: sites.pins('edge'), sockets: [socket] };
  const teller = await inside(t, sites.lab.node('edge').path, './explain-inside.ts');
  const explained = async (packet: string, asking: Asking = {}, by: NodeChoice = node) =>
    (await teller.call('explain', by, packet, asking)) as Explained;
  return {
    sites,
    node,
    explained,
    own: own ?? '',
    own6: own6 ?? '',
    low: low ?? '',
    /** Both answers, which must be the same. */
    asked: async (t: Test, packet: string, asking: Asking = {}): Promise<Explained> => {
      const found = await explained(packet, asking);
      t.strictSame(found.differences, [], `${packet}: both answers are the same`);
      t.not(found.program, null, `${packet}: the program was asked: ${found.notes.join(' ')}`);
      return found;
    },
    operator: (question: Question) =>
      askOperator({ name: node.name, socket }, question, z.object({})),
    sessions: (): readonly Session[] =>
      look(node, (maps, reading) => sessionsOf(readSessions(maps, reading))),
    told: await events(t, socket),
    plane: (): Plane => look(node, (_maps, { plane }) => plane),
  };
}

async function addressOf(sites: Sites, device: string, family: string): Promise<string> {
  const text = await sites.pod.exec('ip', '-json', family, 'addr', 'show', device);
  const [{ addr_info = [] } = {}] = JSON.parse(text) as Link[];
  return addr_info.find(({ scope }) => scope === 'global')?.local ?? '';
}

interface Link {
  readonly addr_info?: readonly { readonly local: string; readonly scope: string }[];
}

/** What the program says, in short. */
function short({ program, by }: Explained): string {
  return [by, program?.rule, program?.class, program?.drop ?? program?.strand].join(' ');
}

t.test('explain', async (t) => {
  const { sites, node, explained, own, own6, low, asked, operator, sessions, plane, told } =
    await stage(t);
  const strange = (): readonly Session[] =>
    sessions().filter(({ protocol, sourcePort }) => !/icmp/.test(protocol) && sourcePort !== 6000);

  await t.test('packets that nobody has sent', async (t) => {
    for (const [packet, wanted] of [
      [`udp ${own}:5060 > ${server}:5060 dscp ef`, `slot voice low-latency ${fibre}`],
      [`udp ${own}:5060 > ${server}:5060`, `slot  best-effort ${lte}`],
      [`tcp [${own6}]:4000 > [${server6}]:443`, `slot six sure ${fibre}`],
      [`icmpv6 ${own6} > ${server6}`, `slot  best-effort ${lte}`],
      [`icmp ${own}:77 > ${server} dscp 46`, `slot voice low-latency ${fibre}`],
      [`gre ${own} > ${server}`, `slot  best-effort ${lte}`],
    ] as const) {
      t.equal(short(await asked(t, packet)), wanted, packet);
    }
    const chosen: (string | null)[] = [];
    for (let port = 4001; port <= 4006; port++) {
      const { answer, slot } = await asked(t, `tcp ${own}:${String(port)} > ${server}:873`);
      t.match({ answer, slot }, { answer: { rule: 'backup', class: 'bulk' }, slot: { passed: 0 } });
      chosen.push(answer.strand);
    }
    const onFibre = chosen.filter((one) => one === fibre).length;
    t.ok(
      onFibre > 0 && onFibre < chosen.length,
      `by weight: ${String(onFibre)} of ${String(chosen.length)}`,
    );
    for (const port of ['4001', '4002', '4003', '4004']) {
      await asked(t, `tcp [${own6}]:${port} > [${server6}]:873`);
    }
    const six = await asked(t, `sctp [${own6}]:99 > [${server6}]:8080`, { service: 'wan' });
    const weights = [{ sharePercent: 75 }, { sharePercent: 25 }];
    t.match(six, { answer: { rule: 'backup' }, candidates: weights });
    const labels = await asked(t, `udp ${own}:1500 > ${server}:53 app=web`);
    t.match(labels, { answer: { rule: 'web', class: 'bulk' }, policy: { from: 'text' } });
    t.strictSame(
      labels.rules.map(({ rule, why }) => [rule, why]),
      [
        ['voice', 'dscp be is not ef'],
        ['backup', 'udp is not tcp or sctp'],
        ['six', `${server} is not in 2001:db8:60::/64`],
        ['web', null],
      ],
    );
    t.strictSame(strange(), [], 'no session is left');
    const counted = plane().ruleSets.find(({ service }) => service === 'wan')?.rules ?? [];
    t.strictSame(
      counted.map(({ txPackets }) => txPackets),
      [0, 0, 0, 0],
      'nothing is counted',
    );
  });

  await t.test('by header: the wire that Envoy takes', async (t) => {
    const packet = `tcp ${own}:4000 > ${server}:80`;
    t.match(await asked(t, packet, { header: ['user=boss'] }), {
      http: { rule: 'boss', class: 'low-latency', wire: { interface: 'nsm-low' } },
      wire: { service: 'wan-low-latency', interface: 'nsm-low' },
      packet: { source: `${low}:4000` },
      answer: { strand: fibre },
    });
    const other = await asked(t, packet, { header: ['user=minion'] });
    t.match(other, { http: { rule: null, wire: null }, wire: { interface: 'nsm-1' } });
  });

  await t.test('a session that there is, and one that is pinned', async (t) => {
    const send = `const s = require('dgram').createSocket('udp4');
      s.bind(6000, '${own}', () => s.send('x', 6000, '${server}', () => s.close()));`;
    await sites.pod.exec(process.execPath, '-e', send);
    const session = (): Session | undefined => sessions().find((one) => one.sourcePort === 6000);
    await until('its event', () => told.includes(`${own}:6000`));
    // What a new interface says of itself, with its own address or before it has one.
    const heard = told.filter((source) => !/^(fe80:|::)/.test(source));
    t.strictSame(heard, [`${own}:6000`], 'nobody has heard of any other');
    const before = session();
    t.match(before, { strand: lte, counters: { txPackets: 1 } });
    const packet = `udp ${own}:6000 > ${server}:6000`;
    t.equal(short(await asked(t, packet)), `session  best-effort ${lte}`);
    t.equal(session()?.counters.txPackets, 1, 'its counters are as they were');

    const flow = { protocol: 'udp', source: `${own}:6000`, destination: `${server}:6000` };
    const body = { wire: before?.wire, ...flow, strand: fibre };
    await operator({ method: 'POST', path: '/pins', body });
    const pinned = await asked(t, packet);
    t.equal(short(pinned), `pin  best-effort ${fibre}`);
    t.match(pinned, {
      pin: { strand: fibre, usable: true },
      session: { strand: lte, pinned: false },
    });

    const live = await asked(t, `udp ${own}:6001 > ${server}:6000`, { live: true });
    t.equal(short(live), `slot  best-effort ${lte}`, 'the loaded program itself');
    t.strictSame(strange(), [], 'its session is gone');
  });

  await t.test('a strand that is down', async (t) => {
    const path = `/strands/${encodeURIComponent(fibre)}`;
    await operator({ method: 'POST', path, body: { up: false } });
    const fallback = await asked(t, `udp ${own}:5060 > ${server}:5060 dscp ef`);
    t.equal(short(fallback), `slot voice low-latency ${lte}`);
    t.match(fallback, {
      candidates: [
        { of: 'low-latency', strand: fibre, state: 'down', down: ['operator'], chosen: false },
        { of: 'best-effort', strand: lte, state: 'up', chosen: true },
      ],
      slot: { passed: 64 },
    });
    const strict = await asked(t, `tcp [${own6}]:4000 > [${server6}]:443`);
    t.equal(short(strict), 'none six sure no-strand');
    const pin = await asked(t, `udp ${own}:6000 > ${server}:6000`);
    t.match(pin, { by: 'session', pin: { strand: fibre, usable: false }, answer: { strand: lte } });
    await operator({ method: 'POST', path, body: { up: true } });
    const past = await asked(t, `udp ${own}:6000 > ${server}:6000`);
    t.match(past, { by: 'pin', session: { current: false } }, 'the tables are other ones now');
  });

  await t.test('where no forwarder answers, by the tables', async (t) => {
    const dead = { ...node, sockets: ['/nowhere/operator.sock'] };
    t.match(await explained(`udp ${own}:1500 > ${server}:53`, { service: 'wan' }, dead), {
      policy: { from: 'tables' },
      answer: { rule: 'web', class: 'bulk' },
      rules: [{ why: 'not its DSCP' }, {}, {}, { rule: 'web', why: null }],
      differences: [],
      notes: [/forwarder edge-forwarder does not tell its policies/],
    });
    await t.rejects(explained(`udp ${own}:1 > ${server}:53`, { service: 'wan', path: '/' }, dead), {
      message: /http are not in the tables/,
    });
  });

  await t.test('as a command, and when the program says something else', async (t) => {
    using rules = BpfMap.open(`${sites.pins('edge')}/maps/rules`);
    const row = layout.rulesetRow(plane().generation & 1, placeOf(sites));
    const key = layout.number32.encode({ value: row * layout.limits.rules });
    const before = rules.lookup(key) ?? Buffer.alloc(layout.rule.size);
    const { class_id, mark } = layout.rule.decode(before);
    rules.update(key, layout.rule.encode({ class_id: class_id + 1, mark }));
    const other = await run(sites, `udp ${own}:5060 > ${server}:5060 dscp ef`);
    rules.update(key, before);
    const text = /ANOTHER ANSWER\n +class: low-latency by the tables, bulk by the program/;
    t.match(other, { code: exitCodes.disagrees, stdout: text });
    const right = await run(
      sites,
      '--json',
      `udp ${own}:5060`,
      '>',
      `${server}:5060`,
      'dscp',
      'ef',
    );
    t.equal(right.code, 0);
    t.match(JSON.parse(right.stdout), { answer: { strand: fibre, mark: 'cs5' }, differences: [] });
    const left = readdirSync(sites.pins('edge')).sort();
    t.strictSame(left, ['links', 'maps', 'object', 'progs'], 'no pin of a twin is left');
  });
});

/** The sources of all sessions of which something is told from now on. */
async function events(t: Test, socketPath: string): Promise<readonly string[]> {
  const sources: string[] = [];
  const asking = request({ socketPath, path: '/sessions/events' });
  t.teardown(() => asking.destroy());
  asking.on('error', () => undefined).end();
  const [stream] = (await once(asking, 'response')) as [IncomingMessage];
  let rest = '';
  stream.on('error', () => undefined).setEncoding('utf8');
  stream.on('data', (part: string) => {
    const lines = (rest + part).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) sources.push((JSON.parse(line) as { source?: string }).source ?? '');
  });
  return sources;
}

/** Place of the rule set of `wan` in the tables. */
function placeOf(sites: Sites): number {
  using names = BpfMap.open(`${sites.pins('edge')}/maps/names`);
  for (const [key, value] of names.entries()) {
    const { kind, id } = layout.nameOf.decode(key);
    const { text } = layout.name.decode(value);
    const isWan = Buffer.from(text).toString().startsWith('{"service":"wan",');
    if (kind === layout.kinds.ruleset && isWan) return id % layout.limits.policies;
  }
  throw new Error('there is no rule set of wan');
}

/** The command in the edge's namespace. */
async function run(
  sites: Sites,
  ...args: readonly string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { path } = sites.lab.node('edge');
  const words = [process.execPath, command(), 'explain', ...args];
  const folder = `${sites.directory('edge')}/forwarder`;
  const places = { WANWIRE_BPF_DIR: sites.pins('edge'), WANWIRE_STATE_DIR: folder };
  const options = { env: { ...environment(), ...places } };
  return exec('nsenter', [`--net=${path}`, ...words], options).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (reason: unknown) => reason as { code: number; stdout: string; stderr: string },
  );
}
