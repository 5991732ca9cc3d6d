// SPDX-License-Identifier: Apache-2.0
/** The built command on the data plane's own maps, pinned and filled with known values; no forwarder runs. */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { environment } from '../../api/env/read-environment.js';
import { silentLogger } from '../../api/log/log.js';
import * as layout from '../../bpf/loader/layout.js';
import { BpfObject } from '../../bpf/loader/object.js';
import { objectPath } from '../../bpf/loader/objects.js';
import { pinnedMaps } from '../../cli/plane/maps.js';
import { readPlane } from '../../cli/plane/read.js';
import { countSessions } from '../../cli/plane/sessions.js';
import { serveOperator } from '../../forwarder/operator/server.js';
import { memoryMaps } from '../doubles/memory-maps.js';
import { RecordingOperator } from '../doubles/operator.js';
import {
  addSession,
  control,
  fillPlane,
  wireIds,
  type WriteMaps,
} from '../doubles/plane-fixture.js';
import { bpffs, folder } from './objects.js';
import { command as built } from '../stage/command.js';

// Each command is a process of its own; a busy machine may take its time.
t.setTimeout(600_000);

const { PATH } = environment();
const main = built();
const flow = { protocol: 'tcp', source: '172.16.0.1:40000', destination: '10.60.0.10:80' };
const strand = 'fibre-cloud/wan0';

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A pinned plane, what fills it, and the command that reads it. */
function plane(t: Test) {
  const directory = bpffs(t);
  const state = folder(t);
  const object = BpfObject.open(objectPath('wire'));
  t.teardown(() => {
    object[Symbol.dispose]();
  });
  object.load({ pinDirectory: join(directory, 'maps') });
  const maps: WriteMaps = (name) => object.map(name);
  const env = { WANWIRE_BPF_DIR: directory, WANWIRE_STATE_DIR: state, PATH };
  const wanwire = (...args: readonly string[]): Promise<Said> =>
    new Promise((resolve) => {
      execFile(process.execPath, [main, ...args], { env }, (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
      });
    });
  return { directory, state, object, maps, wanwire };
}

function filled(t: Test) {
  const all = plane(t);
  fillPlane(all.maps);
  const last_ns = process.hrtime.bigint();
  const value = { generation: 7, strand: 1, mark: layout.noMark, last_ns };
  addSession(all.maps, 1, flow, { ...value, tx_packets: 4n, tx_bytes: 1200n });
  const six = { protocol: 'udp', source: '[fd00::1]:5060', destination: '[fd00::2]:5061' };
  addSession(all.maps, 2, six, { ...value, rx_bytes: 90n });
  return all;
}

t.test("the kernel's maps say the same as those in memory", (t) => {
  const { directory, maps } = plane(t);
  fillPlane(maps);
  const memory = memoryMaps();
  fillPlane(memory.map);
  using pinned = pinnedMaps(directory);
  const found = readPlane(pinned);
  t.strictSame(found.plane, readPlane(memory).plane);
  t.match(found.plane.strands[0]?.counters, { txPackets: 11, txBytes: 1500 }, 'of all CPUs');
  t.strictSame(countSessions(pinned, found), { ipv4: 0, ipv6: 0 });
  t.end();
});

t.test('status, links and sessions need no forwarder', async (t) => {
  const { wanwire, directory } = filled(t);
  const [status, links, sessions, table] = await Promise.all([
    wanwire('status', '--json'),
    wanwire('links', '--json'),
    wanwire('sessions', '--json'),
    wanwire('sessions'),
  ]);
  t.match(JSON.parse(status.stdout), {
    node: { name: 'edge-forwarder', site: 'edge' },
    forwarder: { running: false, reason: /does not answer/ },
    attached: { kind: null, programs: 0 },
    layout: layout.layoutVersion,
    generation: 7,
    sessions: { ipv4: 1, ipv6: 1 },
    wires: [{ id: wireIds.sip, drops: { 'no-strand': 6 } }, { id: wireIds.web }],
    drops: { 'no-wire': 4 },
  });
  t.match(JSON.parse(links.stdout), {
    links: [{ name: 'fibre' }, { name: 'lte' }, { name: 'spare', state: 'unused' }],
    strands: [{ name: strand, state: 'up' }, {}, { down: ['carrier', 'operator'] }],
  });
  t.match(JSON.parse(sessions.stdout), {
    total: { sessions: 2, counters: { txBytes: 1200, rxBytes: 90 } },
    sessions: [
      { source: '172.16.0.1', sourcePort: 40000, strand, rule: 'voice' },
      { source: 'fd00::1', destinationPort: 5061 },
    ],
  });
  t.match(
    table.stdout,
    /^3f2a9c1e-7 +nsc +tcp +172\.16\.0\.1:40000 +10\.60\.0\.10:80 +fibre-cloud\/wan0 /m,
  );
  for (const { code, stderr } of [status, links, sessions, table]) {
    t.equal(code, 0);
    t.equal(stderr, '');
  }
  t.strictSame(readdirSync(directory), ['maps'], 'nothing is left behind');
});

t.test('changes need one, and are refused before it is asked', async (t) => {
  const { wanwire } = filled(t);
  const args = [flow.protocol, flow.source, flow.destination];
  const wire = ['--wire', wireIds.sip];
  const wrong: readonly (readonly [args: readonly string[], code: number, stderr: RegExp])[] = [
    [
      ['pin', ...wire, ...args, strand],
      69,
      /does not answer at .*status, links and sessions work without it/,
    ],
    [['unpin', '--all'], 69, /does not answer/],
    [['strand', 'down', strand], 69, /does not answer/],
    [
      ['pin', ...wire, ...args, 'fiber-cloud/wan0'],
      1,
      /no strand has the name "fiber-cloud\/wan0": want one of fibre-cloud\/wan0,/,
    ],
    [['pin', ...args, strand], 64, /several wires: choose one with --wire/],
    [['pin', ...wire, 'tcp', '10.0.0.1', '10.0.0.2:1', strand], 64, /a port too: tcp has ports/],
    [['pin', ...wire, ...args], 64, /missing required argument 'strand'/],
    [['unpin', ...wire], 64, /want --all, or a session/],
    [['unpin', '--all', ...args], 64, /want either --all or one session/],
    [['strand', 'sideways', 'x'], 64, /unknown command 'sideways'/],
    [['strand', 'up'], 64, /missing required argument 'name'/],
    [['sessions', '--wire', 'zzz'], 1, /no wire has the id "zzz": want one of 3f2a9c1e/],
    [['sessions', '--top', '0'], 64, /want a number of sessions, from 1/],
    [['status', '--watch', '--every', 'x'], 64, /want a number of seconds/],
  ];
  for (const [line, code, stderr] of wrong) {
    const said = await wanwire(...line);
    t.match(said, { code, stdout: '', stderr }, line.join(' '));
    t.notMatch(said.stderr, /\n {4}at /, 'no stack');
  }
});

t.test('with a forwarder that answers', async (t) => {
  const { wanwire, state } = filled(t);
  const operator = new RecordingOperator();
  const path = join(state, 'operator.sock');
  const socket = await serveOperator({ operator, path, log: silentLogger() });
  t.teardown(() => socket.close());
  const args = ['--wire', '3f2a9c1e-7', flow.protocol, flow.source, flow.destination];
  t.match(await wanwire('pin', ...args, strand), {
    code: 0,
    stdout: 'tcp 172.16.0.1:40000 to 10.60.0.10:80 is pinned to fibre-cloud/wan0\n',
  });
  const other = [...args.slice(0, 3), '172.16.0.1:9', flow.destination];
  t.match(await wanwire('pin', ...other, strand), { code: 0, stdout: /\(no such session yet/ });
  t.match(await wanwire('unpin', ...args), { code: 0, stdout: /is unpinned/ });
  t.match(await wanwire('unpin', '--all'), { code: 0, stdout: '3 sessions unpinned\n' });
  const up = await wanwire('strand', 'up', 'lte-cloud/wan1');
  t.match(up.stdout, /is up, but cannot be used yet \(carrier, operator\)/);
  t.match(await wanwire('strand', 'list'), {
    code: 0,
    stdout: /^lte-cloud\/wan1 .* down: carrier, operator/m,
  });
  t.match((await wanwire('status')).stdout, /^edge-forwarder {2}running$/m);
  t.strictSame(operator.asked, [
    ['pin', wireIds.sip, flow, strand],
    ['pin', wireIds.sip, { ...flow, source: '172.16.0.1:9' }, strand],
    ['unpin', wireIds.sip, flow],
    ['unpinAll', undefined],
    ['strand', 'lte-cloud/wan1', true],
  ]);
});

t.test('a plane of another layout, and none at all', async (t) => {
  const { wanwire, maps, directory } = plane(t);
  control(maps, { layout: 99, generation: 1 });
  const other = await wanwire('status');
  t.match(other, {
    code: 1,
    stdout: '',
    stderr: /has layout 99, and this wanwire reads layout \d/,
  });
  const env = { WANWIRE_BPF_DIR: `${directory}/none`, PATH };
  const none = await new Promise<Said>((resolve) => {
    execFile(process.execPath, [main, 'links'], { env }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });
  t.match(none, {
    code: 1,
    stdout: '',
    stderr: /no data plane of forwarder "none" on this machine/,
  });
});

t.test('a hundred thousand sessions: the largest are shown, all are counted', async (t) => {
  const { wanwire, object, maps } = plane(t);
  fillPlane(maps);
  const count = 100_000;
  const keys: Buffer[] = [];
  const values: Buffer[] = [];
  for (let at = 0; at < count; at++) {
    const source = Buffer.from([10, (at >> 16) & 255, (at >> 8) & 255, at & 255]);
    keys.push(
      layout.flow4.encode({
        wire: 1,
        source,
        destination: Buffer.from([10, 60, 0, 1]),
        protocol: 17,
      }),
    );
    values.push(
      layout.session.encode({ generation: 7, strand: 1, tx_bytes: BigInt(at), tx_packets: 1n }),
    );
  }
  object.map('sessions4').updateBatch(keys, values);
  const said = await wanwire('sessions');
  t.equal(said.code, 0, said.stderr);
  const lines = said.stdout.trimEnd().split('\n');
  t.equal(lines.length, 53, 'titles, 50 sessions, an empty line, the sum');
  t.match(lines[1], /^3f2a9c1e-7 +nsc +udp +10\.1\.134\.159 /);
  t.match(lines.at(-1), /^100000 sessions \(99950 more: --top 100000\): 5\.00 GB out/);
  const json = JSON.parse((await wanwire('sessions', '--json', '--top', '3')).stdout) as object;
  t.match(json, { more: count - 3, total: { sessions: count, counters: { txPackets: count } } });
});
