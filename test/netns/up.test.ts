// SPDX-License-Identifier: Apache-2.0
/** `wanwire up`: a site's processes come up together, die alone, and end together. */
import t, { type Test } from 'tap';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { forgetDataPlane, lives, until, Up } from '../stage/up.js';
import { sandbox } from './sandbox.js';
import { cable } from './underlay-stage.js';

t.setTimeout(300_000);

/** A node with two links, and the files of its site, which is a gateway. */
async function node(t: Test) {
  const [here, there] = [await sandbox(t), await sandbox(t)];
  await here.ip('link', 'set', 'lo', 'up');
  await cable([here, 'wan0', '203.0.113.2/24'], [there, 'far0', '203.0.113.10/24']);
  await cable([here, 'wan1', '198.51.100.2/24'], [there, 'far1', '198.51.100.10/24']);
  const name = `t${randomUUID().slice(0, 6)}`;
  const folder = mkdtempSync(`${tmpdir()}/ww-up-`);
  t.teardown(() => {
    rmSync(folder, { recursive: true });
    forgetDataPlane(name);
  });
  const files = [join(folder, 'site.yaml'), join(folder, 'policy.yaml')];
  const write = (change: Change = {}): void => {
    writeFileSync(files[0] ?? '', site(name, change));
    writeFileSync(files[1] ?? '', policy(change));
  };
  write();
  const directory = join(folder, 'run');
  return { name, write, directory, options: { netns: here.path, files, directory } };
}

interface Change {
  readonly gateway?: boolean;
  readonly classes?: readonly string[];
  readonly text?: string;
}

function site(name: string, { gateway = true }: Change): string {
  return `apiVersion: wanwire.io/v1alpha1
kind: Site
metadata: {name: ${name}}
spec:
  control: ["203.0.113.2:5001"]
  links:
    - {name: fibre, device: wan0, class: low-latency, network: n0, trusted: true}
    - {name: lte, device: wan1, class: best-effort, network: n1, billing: metered, trusted: true}
${gateway ? '  gateway: {prefixes: [["172.16.0.0/16"]], routes: ["10.60.0.0/24"]}' : ''}
`;
}

function policy({ classes = [], text = '' }: Change): string {
  const listed = classes.map((one) => `    ${one}: {links: [{name: lte}]}\n`).join('');
  return `apiVersion: wanwire.io/v1alpha1
kind: SteeringPolicy
metadata: {name: default}
spec:
  services: [wan]
${listed === '' ? '' : `  classes:\n${listed}`}
  rules:
    - {name: voice, match: {dscp: [ef]}, class: low-latency}
  default: best-effort
${text}`;
}

/** What is registered while all is well. */
function entries(name: string, more: Readonly<Record<string, readonly string[]>> = {}) {
  return {
    [`${name}-forwarder`]: ['forwarder'],
    [`${name}-wan`]: ['wan'],
    [`${name}-wan-fibre`]: ['wan'],
    [`${name}-wan-lte`]: ['wan'],
    [`${name}-wan-low-latency-fibre`]: ['wan-low-latency'],
    [`${name}-wan-best-effort-lte`]: ['wan-best-effort'],
    ...more,
  };
}

const registered = async (up: Up): Promise<readonly string[]> =>
  Object.keys(await up.endpoints().catch(() => ({}))).sort();

async function sees(up: Up, wanted: object, what: string): Promise<void> {
  const names = Object.keys(wanted).sort().join();
  await until(what, async () => (await registered(up)).join() === names);
}

t.test('a site, from its first start to its end', async (t) => {
  const { name, write, directory, options } = await node(t);
  await using up = await Up.start(options);

  await t.test('it comes up', async (t) => {
    t.match(up.out, `site ${name} is ready (manager on unix://${directory}/nsm.io.sock and `);
    t.match(up.out, 'tcp://203.0.113.2:5001, forwarder on unix://');
    t.match(up.out, `endpoint ${name}-wan for wan wan-low-latency wan-best-effort)`);
    t.equal(up.out.trim().split('\n').length, 1, 'one line');
    t.strictSame(Object.keys(up.processes).sort(), ['forwarder', 'manager', 'nse']);
    t.strictSame(await up.endpoints(), entries(name));
    t.strictSame(await up.services(), ['wan', 'wan-best-effort', 'wan-low-latency']);
  });

  await t.test('a second one on the same folder is refused and harms nobody', async (t) => {
    const before = up.processes;
    const second = new Up(options);
    t.equal(await second.ended, 1);
    t.match(second.err, `another wanwire up (pid ${String(up.pid)}) has ${options.directory}`);
    t.equal(second.out, '');
    t.strictSame(up.processes, before);
    t.strictSame(await registered(up), Object.keys(entries(name)).sort());
  });

  await t.test('each process killed with -9 is started again, and only that one', async (t) => {
    for (const victim of ['manager', 'forwarder', 'nse']) {
      const before = up.processes;
      process.kill(before[victim] ?? 0, 'SIGKILL');
      await until(`another ${victim}`, () => {
        const now = up.processes[victim];
        return now !== undefined && now !== before[victim];
      });
      const others = ({ [victim]: _one, ...rest }: typeof before): typeof before => rest;
      t.strictSame(others(up.processes), others(before), `${victim}: the others run on`);
      await sees(up, entries(name), `everybody registered after the ${victim} was killed`);
    }
    t.match(up.err, '"process":"endpoint","code":null,"signal":"SIGKILL","pauseMs":100');
    process.kill(up.processes['manager'] ?? 0, 'SIGKILL');
    for (const victim of ['forwarder', 'nse']) process.kill(up.processes[victim] ?? 0, 'SIGKILL');
    await sees(up, entries(name), 'everybody registered after all were killed at once');
    t.notOk(up.isOver);
  });

  await t.test(
    'a changed file is applied without a restart; a wrong one changes nothing',
    async (t) => {
      const before = up.processes;
      write({ classes: ['bulk'] });
      const more = { [`${name}-wan-bulk-lte`]: ['wan-bulk'] };
      await sees(up, entries(name, more), 'a service for the new class');
      t.strictSame(await up.services(), ['wan', 'wan-best-effort', 'wan-bulk', 'wan-low-latency']);

      write({ classes: ['bulk', 'other'], text: '  defualt: bulk\n' });
      await until('the mistake', () => up.err.includes('defualt'));
      t.match(up.err, "wanwire up: a mistake in the site's files, nothing is changed:");
      t.match(up.err, /policy\.yaml:13:3: spec\.defualt: .*did you mean default\?/);
      t.strictSame(await registered(up), Object.keys(entries(name, more)).sort());
      const said = up.err.length;
      process.kill(up.processes['nse'] ?? 0, 'SIGKILL');
      const isReady = (): boolean => up.err.slice(said).includes('a process is ready again');
      await until('another endpoint', isReady);
      await sees(up, entries(name, more), 'what was in force, also after a restart');
      t.equal(up.err.match(/defualt/g)?.length, 1, 'the mistake is told once');

      write({});
      await sees(up, entries(name), 'the former services');
      t.match(
        { ...up.processes, nse: 0 },
        { ...before, nse: 0 },
        'by the processes that there were',
      );
      t.notOk(existsSync(join(directory, 'site.yaml.new')));
    },
  );

  const children = Object.values(up.processes);
  t.equal(children.length, 3);
  await up.end('SIGKILL');
  // At once: what the first one started is still about.
  await using next = await Up.start(options);

  await t.test('killed with -9 it leaves no process, and the next one takes over', async (t) => {
    t.strictSame(children.filter(lives), []);
    t.strictSame(await registered(next), Object.keys(entries(name)).sort());
  });

  await t.test('it ends without a process or socket', async (t) => {
    const own = Object.values(next.processes);
    t.equal(own.length, 3);
    t.equal(await next.end('SIGTERM'), 0);
    t.strictSame(own.filter(lives), []);
    const left = readdirSync(directory, { recursive: true }).map(String);
    t.notOk(
      left.some((path) => path.endsWith('.sock') || path === 'up.json'),
      left.join(),
    );
    for (const line of next.err.trim().split('\n')) t.ok(JSON.parse(line), 'a log line is JSON');
  });
});

t.test('a site may become a gateway and be none again, and keeps its name', async (t) => {
  const { name, write, options } = await node(t);
  write({ gateway: false });
  await using up = await Up.start(options);
  t.strictSame(Object.keys(up.processes).sort(), ['forwarder', 'manager']);
  t.strictSame(await registered(up), [`${name}-forwarder`]);
  write({ gateway: true });
  await sees(up, entries(name), 'the endpoint');
  write({ gateway: false });
  await sees(up, { [`${name}-forwarder`]: [] }, 'no endpoint');
  await until('the end of its process', () => up.processes['nse'] === undefined);

  writeFileSync(options.files[0] ?? '', site('another', {}));
  await until('a refusal', () => up.err.includes('metadata.name'));
  t.match(up.err, `metadata.name: "another" is not valid: want ${name}`);
  t.strictSame(await registered(up), [`${name}-forwarder`]);
});

t.test('stopped while it starts', async (t) => {
  const { options } = await node(t);
  const up = new Up(options);
  await until('a process', () => Object.keys(up.processes).length > 0);
  const children = Object.values(up.processes);
  t.equal(await up.end('SIGINT'), 0);
  t.strictSame(children.filter(lives), []);
  t.notOk(existsSync(join(options.directory, 'up.json')));
});
