// SPDX-License-Identifier: Apache-2.0
/** The prober's life: one for each plane, which outlives who starts it and ends with the pins. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { openPlane } from '../../bpf/loader/adopt.js';
import { control, layoutVersion, proberVersion } from '../../bpf/loader/layout.js';
import type { BpfMap } from '../../bpf/loader/map.js';
import { objectPath } from '../../bpf/loader/objects.js';
import { ensureProber, stopProber } from '../../bpf/prober/prober.js';
import { findProber } from '../../bpf/prober/running.js';
import { lives } from '../stage/up.js';
import { ended, eventually, planeOf, proberProgram } from './prober-stage.js';
import { sandbox } from './sandbox.js';

interface Told {
  readonly fields: object;
  readonly text: string;
}

interface Stage {
  readonly directory: string;
  readonly control: BpfMap;
  readonly told: Told[];
  readonly ensure: () => ReturnType<typeof ensureProber>;
}

const { offsets } = control;

/** A plane, and a way to see to its prober, which goes with the test. */
async function stage(t: Test): Promise<Stage> {
  const { directory, plane } = await planeOf(t);
  const told: Told[] = [];
  t.teardown(() => stopProber(directory).catch(() => undefined));
  const log = { info: (fields: object, text: string) => told.push({ fields, text }) };
  return {
    directory,
    control: plane.map('control'),
    told,
    ensure: () => ensureProber(directory, { log }),
  };
}

/** What a prober that does not start says, and how it ends. */
async function refusal(...args: readonly string[]): Promise<{ code: unknown; said: string }> {
  const child = spawn(proberProgram, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'exit');
  const said = await textOf(child.stderr);
  return { code: (await ended)[0], said };
}

t.test('started, found, ended', async (t) => {
  const { ensure, directory, control, told } = await stage(t);
  const { pid, adopted } = await ensure();
  t.notOk(adopted);
  t.equal(control.load32(0, offsets.prober_pid), pid);
  t.equal(control.load32(0, offsets.prober_version), proberVersion);
  const port = control.load32(0, offsets.probe_port);
  t.ok(port > 1024 && port < 65536, `port ${String(port)}`);
  t.strictSame(await ensure(), { pid, adopted: true });
  t.strictSame(told, [
    { fields: { pid }, text: 'prober started' },
    { fields: { pid }, text: 'prober found running' },
  ]);
  const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8');
  t.match(status, /^Name:\s+wanwire-prober$/m);
  t.match(status, /^CapEff:\s+0+$/m, 'it has no rights left');
  t.match(status, /^CapPrm:\s+0+$/m);
  t.equal(sessionOf(pid), pid, 'nobody’s terminal ends it');
  await stopProber(directory);
  t.notOk(lives(pid));
  t.equal(findProber(directory), undefined);
  t.equal(control.load32(0, offsets.prober_pid), 0);
  await stopProber(directory);
  const next = await ensure();
  t.notOk(next.adopted);
  t.equal(control.load32(0, offsets.probe_port), port, 'answers on their way still find it');
});

t.test('it outlives who started it', async (t) => {
  const { ensure, directory } = await stage(t);
  const program = `
    const { ensureProber } = await import(${JSON.stringify(moduleOf('prober.ts'))});
    await ensureProber(process.argv[1], { log: { info() {} } });
    process.kill(process.pid, 'SIGKILL');`;
  const node = [...process.execArgv, '--input-type=module', '-e', program, directory];
  const child = spawn(process.execPath, node, { stdio: ['ignore', 'inherit', 'inherit'] });
  t.strictSame(await once(child, 'exit'), [null, 'SIGKILL']);
  t.ok((await ensure()).adopted);
});

t.test('one of another version is replaced, also one that is stopped', async (t) => {
  const { ensure, control, told } = await stage(t);
  const first = await ensure();
  control.store32(0, offsets.prober_version, proberVersion + 1);
  const second = await ensure();
  t.notOk(second.adopted);
  t.notOk(lives(first.pid));
  t.equal(control.load32(0, offsets.prober_version), proberVersion);
  t.match(told[1], { fields: { pid: first.pid }, text: /replaced/ });
  process.kill(second.pid, 'SIGSTOP');
  control.store32(0, offsets.prober_version, proberVersion - 1);
  const third = await ensure();
  t.notOk(third.adopted);
  t.notOk(lives(second.pid));
  process.kill(third.pid, 'SIGKILL');
  await eventually('its end', () => !lives(third.pid));
  t.notOk((await ensure()).adopted, 'one that was killed is not found');
});

t.test('one in another network namespace is replaced', async (t) => {
  const { ensure, directory } = await stage(t);
  const { path } = await sandbox(t);
  const elsewhere = spawn('nsenter', [`--net=${path}`, proberProgram, directory]);
  t.teardown(() => ended(elsewhere, 'SIGKILL'));
  await eventually('the prober', () => findProber(directory) !== undefined);
  t.match(findProber(directory), { pid: elsewhere.pid, here: false });
  t.notOk((await ensure()).adopted);
  t.notOk(lives(elsewhere.pid ?? 0));
});

t.test('of several that start at once one runs, and all find it', async (t) => {
  const { ensure, directory } = await stage(t);
  const all = await Promise.all([ensure(), ensure(), ensure()]);
  t.equal(new Set(all.map(({ pid }) => pid)).size, 1);
  t.equal(all.filter(({ adopted }) => !adopted).length, 1);
  const { code, said } = await refusal(directory);
  t.equal(code, 75);
  t.equal(said, `prober: ${directory}: another prober has it\n`);
});

t.test('it ends when the pins are gone', async (t) => {
  const { ensure, directory } = await stage(t);
  const { pid } = await ensure();
  rmSync(join(directory, 'maps'), { recursive: true });
  await eventually('its end', () => !lives(pid));
});

t.test('it ends when other pins are there', async (t) => {
  const { ensure, directory, control } = await stage(t);
  const { pid } = await ensure();
  for (const what of readdirSync(directory)) rmSync(join(directory, what), { recursive: true });
  using another = await openPlane(directory, objectPath('wire'));
  t.not(another.map('control').id, control.id);
  await eventually('its end', () => !lives(pid));
  t.notOk((await ensure()).adopted, 'and these get a prober of their own');
});

t.test('what is wrong is said', async (t) => {
  const { directory, control, ensure } = await stage(t);
  t.same(await refusal(), { code: 64, said: 'usage: prober DIRECTORY\n' });
  t.match(await refusal('/nowhere'), { code: 1, said: /\/nowhere: No such file or directory/ });
  control.store32(0, offsets.layout, 2);
  const wanted = new RegExp(`has maps of layout 2, want ${String(layoutVersion)}`);
  t.match(await refusal(directory), { code: 1, said: wanted });
  await t.rejects(ensure(), { message: wanted });
  rmSync(join(directory, 'maps', 'sent'));
  control.store32(0, offsets.layout, layoutVersion);
  await t.rejects(ensure(), { message: /maps\/sent: No such file or directory/ });
  const program = join(directory, 'nothing');
  const log = { info: () => undefined };
  await t.rejects(ensureProber(directory, { log, program }), { message: /ENOENT/ });
});

/** Field 6 of /proc/PID/stat. */
function sessionOf(pid: number): number {
  const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]);
}

function moduleOf(name: string): string {
  return fileURLToPath(new URL(`../../bpf/prober/${name}`, import.meta.url));
}
