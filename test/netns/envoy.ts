// SPDX-License-Identifier: Apache-2.0
/** A real Envoy for a test, on loopback or in a namespace, without any privilege. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, open, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { findEnvoy } from '../../cli/envoy/find.js';

const nobody = 65_534;
/** Its program is large, and a busy machine may take its time. */
const readyWithinMs = 60_000;

/** The one that the set-up installs; fails where there is none. */
export function envoyProgram(): string {
  const program = findEnvoy();
  if (program === undefined) throw new Error('no Envoy: npm run setup installs one');
  return program;
}

/** Where it is and what it needs. */
export interface EnvoyPlace {
  /** A network namespace; that of the test where not given. */
  readonly netns?: string;
  /** Resolves when it can be asked for something; rejects while not. */
  readonly ready: () => Promise<unknown>;
}

/** Start one; it ends with the test. `write` puts a file beside it that it can read. */
export async function startEnvoy(
  t: Test,
  folder: string,
  bootstrap: object,
  { netns, ready }: EnvoyPlace,
): Promise<{
  readonly said: () => string;
  readonly alive: () => boolean;
  readonly end: () => Promise<void>;
}> {
  await chmod(folder, 0o777);
  const path = join(folder, 'envoy.json');
  await writeFile(path, JSON.stringify(bootstrap));
  const program = await open(envoyProgram());
  const own = ['-c', path, '--disable-hot-restart', '--log-level', 'warning', '--concurrency', '1'];
  own.push('--file-flush-interval-msec', '200');
  const user = ['--reuid', String(nobody), '--regid', String(nobody), '--clear-groups'];
  const command = ['setpriv', ...user, '--inh-caps=-all', '--', '/proc/self/fd/3', ...own];
  const child = spawn(
    'setpriv',
    [
      ...['--pdeathsig', 'KILL', '--'],
      ...(netns === undefined ? [] : ['nsenter', `--net=${netns}`, '--']),
      ...command,
    ],
    // Opened by root: the program may lie where nobody else can go.
    { stdio: ['ignore', 'pipe', 'pipe', program.fd] },
  );
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (words: string) => said.push(words));
  }
  const ended = once(child, 'exit');
  const end = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  t.teardown(end);
  await program.close();
  const lastMs = Date.now() + readyWithinMs;
  for (;;) {
    const fine = await ready().then(
      () => true,
      () => false,
    );
    if (fine) break;
    if (child.exitCode !== null || Date.now() > lastMs) {
      throw new Error(`Envoy is not ready:\n${said.join('')}`);
    }
    await sleep(50);
  }
  return { said: () => said.join(''), alive: () => child.exitCode === null, end };
}

/** A port of loopback that nobody has now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Sends bytes and reads the answer to its end. */
export async function exchange(
  port: number,
  bytes: Uint8Array,
): Promise<{ status: number; body: string }> {
  const socket = connect(port, '127.0.0.1');
  // Who answers before the end of a request may close before it is read.
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(bytes);
  const answer = await text(socket);
  const [head = '', ...body] = answer.split('\r\n\r\n');
  const raw = body.join('\r\n\r\n');
  return { status: Number(head.split(' ')[1]), body: unchunked(head, raw) };
}

function unchunked(head: string, raw: string): string {
  if (!/^transfer-encoding: chunked/im.test(head)) return raw;
  return raw.replace(/(?:^|\r\n)[0-9a-f]+\r\n|\r\n\r\n$/gi, '');
}
