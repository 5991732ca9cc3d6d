// SPDX-License-Identifier: Apache-2.0
/** The built command, as a user runs it; `npm test` builds it first. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import t from 'tap';
import { table as forwarder } from '../forwarder/config.js';
import { table as manager } from '../manager/config.js';
import { table as client } from '../nsc-sidecar/config.js';
import { table as endpoint } from '../nse/config.js';
import { command as built } from '../test/stage/command.js';

// Twenty processes are started; a busy machine may take its time.
t.setTimeout(120_000);

const main = built();
const tables = { manager, forwarder, nse: endpoint, nsc: client };

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function wanwire(args: readonly string[], env: Record<string, string> = {}): Promise<Said> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });
}

t.test('help names every command', async (t) => {
  const { code, stdout } = await wanwire(['--help']);
  t.equal(code, 0);
  const looks = ['status', 'links', 'events', 'replay', 'sessions', 'pin', 'unpin', 'strand'];
  const wanted = [...Object.keys(tables), ...looks, 'find', 'monitor', 'doctor', 'demo'];
  for (const name of wanted) t.match(stdout, new RegExp(`^  ${name} `, 'm'));
});

for (const [name, table] of Object.entries(tables)) {
  t.test(`help of ${name}, and all mistakes of its environment at once`, async (t) => {
    const env = { NSM_MAX_TOKEN_LIFETIME: '10', NSM_LOG_LEVEL: 'LOUD', WANWIRE_INSECURE: 'maybe' };
    const [help, refusal] = await Promise.all([wanwire([name, '--help']), wanwire([name], env)]);
    t.equal(help.code, 0);
    const untold = Object.keys(table).filter((variable) => !help.stdout.includes(`  ${variable}`));
    t.strictSame(untold, [], 'each variable is told');
    t.match(help.stdout, 'Examples:');

    t.equal(refusal.code, 78);
    t.equal(refusal.stdout, '');
    t.match(refusal.stderr, /NSM_MAX_TOKEN_LIFETIME="10": has no unit .*; want a duration/);
    t.match(refusal.stderr, 'NSM_LOG_LEVEL="LOUD": is no log level; want TRACE, DEBUG');
    t.match(refusal.stderr, 'WANWIRE_INSECURE="maybe": is neither true nor false');
    t.match(refusal.stderr, 'Environment (default in brackets):');
  });
}

t.test('find and monitor have an environment and tell its mistakes too', async (t) => {
  const commands = [['find', 'services'], ['monitor'], ['doctor']];
  const env = { NSM_CONNECT_TO: 'http://x:1' };
  const all = await Promise.all(commands.map((args) => wanwire(args, env)));
  for (const { code, stderr } of all) {
    t.equal(code, 78);
    t.match(stderr, 'NSM_CONNECT_TO="http://x:1": has the scheme http');
  }
});

t.test('a wrong command line exits with 64', async (t) => {
  const lines = [['nonsense'], ['find', 'nonsense'], ['find'], ['doctor', '--nonsense']];
  for (const { code, stderr } of await Promise.all(lines.map((args) => wanwire(args)))) {
    t.equal(code, 64);
    t.match(stderr, /^error: /);
  }
});

t.test('an output that nobody reads to its end', async (t) => {
  // tap's own part in each process waits for signals.
  const line = `{ sleep 0.05; NODE_OPTIONS= "$0" "$1" --help; echo $? >&2; } | true`;
  const args = ['-c', line, process.execPath, main];
  const { stderr } = await promisify(execFile)('sh', args, { env: {} });
  t.equal(stderr, '141\n');
});

t.test('plaintext has to be allowed, or an agent named', async (t) => {
  const { code, stderr } = await wanwire(['find', 'services', '--connect-to', 'unix:///none']);
  t.equal(code, 69);
  t.match(stderr, /no identity: set SPIFFE_ENDPOINT_SOCKET .*WANWIRE_INSECURE=true/);
});

t.test('a manager that is not there', async (t) => {
  const env = { WANWIRE_INSECURE: 'true', NSM_DIAL_TIMEOUT: '50ms' };
  const { code, stderr } = await wanwire(['find', 'services', '--connect-to', 'unix:///none'], env);
  t.equal(code, 69);
  t.match(stderr, 'is the manager running there?');
});

t.test('doctor answers in JSON', async (t) => {
  const { stdout } = await wanwire(['doctor', '--json'], { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' });
  const { findings } = JSON.parse(stdout) as { findings: { name: string; state: string }[] };
  t.match(
    findings.find(({ name }) => name === 'Node.js'),
    { state: 'ok' },
  );
  t.match(
    findings.find(({ name }) => name === 'manager'),
    { state: 'absent' },
  );
});
