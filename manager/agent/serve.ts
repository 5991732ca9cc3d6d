// SPDX-License-Identifier: Apache-2.0
/**
 * Serves the SPIFFE Workload API on a unix socket. Anybody may connect: who gets which identity goes by what
 * the kernel knows of the process at the other end.
 *
 * Leaves no socket file behind unless it is killed; the next start removes that.
 */
import { chmod, lstat, mkdir, stat } from 'node:fs/promises';
import { createServer, type Server as NetServer, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { Server, ServerCredentials, status, type handleServerStreamingCall } from '@grpc/grpc-js';
import type { Clock } from '../../api/chain/clock.js';
import { WireError } from '../../api/errors/wire-error.js';
import { SpiffeWorkloadAPIService } from '../../api/gen/workload.js';
import { parseAddress } from '../../api/grpc/address.js';
import { serverStream, type Door } from '../../api/grpc/handlers.js';
import { clear } from '../../api/grpc/listen.js';
import { bundleAnswers, checkHeader, svidAnswers, type AnswerParts } from './answers.js';
import { workloadOf, type Workload } from './workload.js';

/** What is served, and where. */
export interface AgentOptions extends AnswerParts {
  /** `unix:///path`. */
  readonly listenOn: string;
  readonly clock: Clock;
}

/** A Workload API that answers. */
export interface Agent {
  readonly url: string;
  close(graceMs: number): Promise<void>;
}

/** A process needs one. */
const mostConnections = 4_096;
/** So that one user cannot keep the others from theirs. */
const mostOfOneUser = 512;
/** Requests of this API are empty. */
const mostBytes = 4_096;

/** Serve until it is closed; FAILED_PRECONDITION where others could put a socket of theirs in its place. */
export async function serveAgent(options: AgentOptions): Promise<Agent> {
  const { listenOn, clock, log } = options;
  const address = parseAddress(listenOn, 'WANWIRE_AGENT_LISTEN_ON');
  if (address.kind !== 'unix') {
    const text = `WANWIRE_AGENT_LISTEN_ON: ${listenOn} is not valid: want unix:///path: who connects is told by the kernel`;
    throw new WireError(status.INVALID_ARGUMENT, text);
  }
  await checkPlace(address.path);
  await clear(address.path);
  const connections = new Connections(options);
  const server = new Server({
    'grpc.max_receive_message_length': mostBytes,
    'grpc.enable_channelz': 0,
  });
  const streams = new Set<() => void>();
  const door: Door = { url: listenOn, log, clock, streams };
  server.addService(SpiffeWorkloadAPIService, {
    fetchX509Svid: stream(connections, door, 'FetchX509SVID', (workload, signal) =>
      svidAnswers(options, workload, signal),
    ),
    fetchX509Bundles: stream(connections, door, 'FetchX509Bundles', (workload, signal) =>
      bundleAnswers(options, workload, signal),
    ),
  });
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const listener = createServer((socket) => {
    if (connections.add(socket)) injector.injectConnection(socket);
  });
  listener.maxConnections = mostConnections;
  await listen(listener, address.path);
  // Whoever may see the folder may ask.
  await chmod(address.path, 0o666);
  return {
    url: listenOn,
    close: async (graceMs) => {
      const closed = new Promise((resolve) => listener.close(resolve));
      for (const end of [...streams]) end();
      injector.drain(graceMs);
      await connections.gone(graceMs);
      server.forceShutdown();
      await closed;
    },
  };
}

function stream<Req, Res>(
  connections: Connections,
  door: Door,
  method: string,
  act: (workload: Workload, signal: AbortSignal) => AsyncIterable<Res>,
): handleServerStreamingCall<Req, Res> {
  return (call) => {
    const workload = connections.of(call.getPeer());
    const answer = serverStream<Req, Res>(door, method, async function* ({ signal, metadata }) {
      checkHeader(metadata);
      if (workload === undefined) throw new WireError(status.UNAVAILABLE, 'the connection is gone');
      yield* act(workload, signal);
    });
    answer(call);
  };
}

/** Who is at the other end of which connection. */
class Connections {
  readonly #log;
  readonly #open = new Map<string, { readonly socket: Socket; readonly workload: Workload }>();
  #count = 0;

  constructor({ log }: Pick<AgentOptions, 'log'>) {
    this.#log = log;
  }

  /** Look who it is; false, and it is closed, where that cannot be told or there are too many of his. */
  add(socket: Socket): boolean {
    socket.on('error', () => undefined);
    try {
      const workload = workloadOf(socket);
      const { uid } = workload;
      const his = [...this.#open.values()].filter((one) => one.workload.uid === uid).length;
      if (his >= mostOfOneUser) throw new Error(`uid ${String(uid)} has ${String(his)} already`);
      const name = `agent-${String(++this.#count)}`;
      this.#open.set(name, { socket, workload });
      socket.once('close', () => this.#open.delete(name));
      // Of a unix socket Node knows none, and grpc-js tells connections apart by it.
      Object.defineProperties(socket, {
        remoteAddress: { value: name },
        remotePort: { value: 0 },
      });
      return true;
    } catch (reason) {
      this.#log.warn({ err: reason }, 'a connection to the Workload API is refused');
      socket.destroy();
      return false;
    }
  }

  of(peer: string): Workload | undefined {
    return this.#open.get(peer)?.workload;
  }

  /** Resolves when all are closed, at the latest after `graceMs`; what is left then is cut off. */
  async gone(graceMs: number): Promise<void> {
    const all = [...this.#open.values()].map(
      ({ socket }) =>
        new Promise<void>((resolve) => {
          const cut = setTimeout(() => socket.destroy(), graceMs);
          socket.once('close', () => {
            clearTimeout(cut);
            resolve();
          });
        }),
    );
    await Promise.all(all);
  }
}

/** Nobody but root and us may put files where our socket is. */
async function checkPlace(path: string): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  const own = process.getuid?.() ?? -1;
  const { uid, mode } = await stat(folder);
  const isOpen = (mode & 0o022) !== 0 && (mode & 0o1000) === 0;
  if ((uid !== own && uid !== 0) || isOpen) {
    const text = isOpen
      ? `has mode ${(mode & 0o7777).toString(8)}`
      : `belongs to uid ${String(uid)}`;
    const so = isOpen ? `chmod go-w ${folder}` : `chown ${String(own)} ${folder}`;
    throw refused(
      `${folder} ${text}: others could put a socket of theirs in place of ${path} (${so})`,
    );
  }
  const found = await lstat(path).catch(() => undefined);
  if (found !== undefined && found.uid !== own) {
    throw refused(`${path} belongs to uid ${String(found.uid)}, not to us (rm ${path})`);
  }
}

function refused(text: string): WireError {
  return new WireError(status.FAILED_PRECONDITION, text);
}

function listen(listener: NetServer, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => {
      const text = `cannot listen on unix://${path}: ${cause.message}`;
      reject(new WireError(status.UNAVAILABLE, text, { cause }));
    };
    listener.once('error', fail);
    listener.listen(path, () => {
      listener.off('error', fail);
      listener.on('error', () => undefined);
      resolve();
    });
  });
}
