// SPDX-License-Identifier: Apache-2.0
/** `wanwire audit` as a command: its table, JSON, exit codes and mistakes. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { SessionEvent } from '../../forwarder/operator/session-event.js';
import { change, policyYaml } from '../../test/doubles/audited.js';
import { dial, message } from '../../test/doubles/envoy-log.js';
import { memoryMaps } from '../../test/doubles/memory-maps.js';
import { fillPlane } from '../../test/doubles/plane-fixture.js';
import { command } from '../audit.js';
import { exitCodes } from '../exit-codes.js';
import type { HeardForwarder } from './forwarders.js';
import type { AuditReport } from './types.js';

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A forwarder that tells this at once, and nothing more. */
function forwarder(events: readonly SessionEvent[]): HeardForwarder {
  return {
    name: 'edge-forwarder',
    async *follow(signal, begun) {
      begun();
      yield* events;
      if (signal.aborted) return;
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    },
    isThere: async () => undefined,
    maps: () => {
      const maps = memoryMaps();
      fillPlane(maps.map);
      return maps;
    },
  };
}

/** The command with these arguments; `meanwhile` is told where it listens. */
async function run(
  t: Test,
  events: readonly SessionEvent[],
  args: readonly string[],
  meanwhile: (url: string) => void = () => undefined,
): Promise<Said> {
  const folder = await mkdtemp(join(tmpdir(), 'ww-audit-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'policy.yaml'), policyYaml);
  await writeFile(join(folder, 'wrong.yaml'), policyYaml.replace('[ef]', '[eff]'));
  const said = { stdout: '', stderr: '' };
  const restore = (['stdout', 'stderr'] as const).map((name) => {
    const intercepted = t.capture(process[name], 'write', (text: string) => {
      said[name] += text.replaceAll(`${folder}/`, '');
      const url = /listening on (\S+)/.exec(text)?.[1];
      if (url !== undefined) meanwhile(url);
      return true;
    });
    return intercepted.restore;
  });
  const full = args.map((arg) => (arg.endsWith('.yaml') ? join(folder, arg) : arg));
  process.exitCode = undefined;
  try {
    const audit = command(async () => [forwarder(events)]).exitOverride();
    await audit.parseAsync(['--listen', '127.0.0.1:0', ...full], { from: 'user' });
    const code: unknown = process.exitCode;
    return { code: typeof code === 'number' ? code : 0, ...said };
  } finally {
    process.exitCode = undefined;
    for (const one of restore) one();
  }
}

const began = 1_700_000_000_000;

/** Sends requests of boss, over the connection that the events are about. */
function send(t: Test, ...ids: readonly string[]) {
  return (url: string): void => {
    const stream = dial(t, url)();
    const now = Date.now();
    const startTime = {
      seconds: BigInt(Math.floor(now / 1_000)),
      nanos: (now % 1_000) * 1_000_000,
    };
    const times = { startTime, timeToLastUpstreamRxByte: { seconds: 0n, nanos: 10_000_000 } };
    for (const id of ids) stream.send(message(id, 'edge-1', times));
  };
}

const args = ['-f', 'policy.yaml', '--for', '2s'];

t.test('all right: a table, and exit code 0', async (t) => {
  const { code, stdout, stderr } = await run(
    t,
    [change('create', began, 'fibre')],
    args,
    send(t, 'a', 'b'),
  );
  t.match(
    stdout.replace(/^\d+\.\d/, 'N'),
    `N s: 2 requests of edge-1, sent by edge-forwarder; policy mesh

RULE  CLASS        LINK   REQUESTS  RIGHT  FALLBACK  WRONG  UNKNOWN
boss  low-latency  fibre         2      2         -      -        -
all   -            -             2      2         -      -        -

0 requests on a wrong link
`,
  );
  t.equal(code, 0);
  t.match(stderr, /^wanwire audit: listening on tcp:\/\/127\.0\.0\.1:\d+$/m);
});

t.test('one on a wrong link: told, and an exit code of its own', async (t) => {
  const events = [change('create', began, 'spare', { strand: '' })];
  const { code, stdout } = await run(t, events, [...args, '--json'], send(t, 'a'));
  const report = JSON.parse(stdout) as AuditReport;
  t.match(report.total, { requests: 1, wrong: 1 });
  t.match(report.rows, [{ rule: 'boss', class: 'low-latency', links: ['spare'], wrong: 1 }]);
  t.match(report.findings, [
    {
      kind: 'wrong',
      request: 'a',
      connection: '172.16.0.1:40000 > 10.60.0.9:8000',
      route: 'rule:boss',
    },
  ]);
  t.equal(code, exitCodes.astray);
  const told = await run(t, events, args, send(t, 'a\u001b[2J'));
  t.match(told.stdout, /^1 request on a wrong link$/m);
  t.match(
    told.stdout,
    /a\?\[2J +boss +spare +172\S+ > \S+ +sent over nsm-low .*while fibre.* could be used$/m,
  );
});

t.test('what nobody can tell is said, and is not wrong', async (t) => {
  const { code, stdout } = await run(t, [], args, send(t, 'a'));
  t.match(stdout, /^0 requests on a wrong link, 1 unknown$/m);
  t.match(stdout, /^1 request unknown: no wire of these forwarders has its connection$/m);
  t.equal(code, 0);
  const none = await run(t, [], ['-f', 'policy.yaml', '--for', '10ms']);
  t.match(none.stdout, /no requests yet/);
  t.match(none.stdout, /no Envoy has sent its access log to tcp:/);
});

t.test('mistakes', async (t) => {
  const table: readonly (readonly [args: readonly string[], code: number, text: RegExp])[] = [
    [['-f', 'wrong.yaml'], exitCodes.data, /^wrong\.yaml:\d+:\d+: .*"eff" is not valid/],
    [['-f', 'none.yaml'], exitCodes.data, /none\.yaml: cannot be read/],
    [
      ['-f', 'policy.yaml', '--listen', 'here'],
      exitCodes.usage,
      /--listen.*ADDRESS:PORT or unix:PATH/,
    ],
    [['-f', 'policy.yaml', '--policy', 'mash'], exitCodes.usage, /--policy: "mash" .* one of mesh/],
  ];
  for (const [given, code, text] of table) {
    const said = await run(t, [], given);
    t.match(said.stderr, text);
    t.equal(said.code, code, given.join(' '));
  }
  for (const given of [['--for', '3'], ['--socket-mode', '9'], []]) {
    await t.rejects(
      run(t, [], ['--json', ...(given.length > 0 ? ['-f', 'policy.yaml'] : []), ...given]),
      {
        code: /^commander\./,
      },
    );
  }
});
