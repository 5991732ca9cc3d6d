// SPDX-License-Identifier: Apache-2.0
/**
 * One peer with several addresses, such as a site's manager on each of its links.
 *
 * They are tried in order: the next one starts when the one before failed, or
 * a quarter of a second after it, so that an address that swallows packets
 * costs no more than that. The first that connects is used until it breaks; then
 * all are tried again, from the first. The dial timeout counts for each from its own start.
 *
 * grpc-js has the same for targets of one family and for names each of its own;
 * mixed lists it does not take, and of several failures it tells the last. So each
 * address is a client of its own, made for the attempt and closed unless it wins.
 * grpc-js cannot take back an attempt that has no answer at all: that one is
 * kept for the next time, so that there is never more than one for an address.
 */
import { Client, connectivityState, type ServiceError } from '@grpc/grpc-js';
import { UnreachableError } from '../errors/unreachable-error.js';
import { grpcTarget, placeOf, type Address } from './address.js';
import {
  channelOptions,
  closeLater,
  ready,
  stateOf,
  untilState,
  type Line,
  type LineOptions,
} from './line.js';

/** How long an address may be silent before the next one is tried too. */
const staggerMs = 250;

const tried: ReadonlySet<connectivityState> = new Set([
  connectivityState.READY,
  connectivityState.TRANSIENT_FAILURE,
]);

/** See the head of this file. */
export class SeveralLines implements Line {
  readonly #addresses: readonly Address[];
  readonly #options: LineOptions;
  readonly #stop = new AbortController();
  /** Attempts without an answer, by the address's place in the list. */
  readonly #unanswered = new Map<number, Client>();
  #current: Client | undefined;
  #isSuspect = false;
  #dialling: Promise<Error | undefined> | undefined;

  constructor(addresses: readonly Address[], options: LineOptions) {
    this.#addresses = addresses;
    this.#options = options;
  }

  get client(): Client {
    if (this.#current === undefined)
      throw new UnreachableError(`${this.#options.url}: no connection`);
    return this.#current;
  }

  isReady(): boolean {
    if (this.#current === undefined || this.#isSuspect) return false;
    return stateOf(this.#current, false) === connectivityState.READY;
  }

  async connected(deadlineMs: number, signal: AbortSignal): Promise<void> {
    if (this.isReady()) return;
    const dialling = this.#dialAgain();
    // The later addresses get their time too, where the caller has it.
    const patienceMs = this.#options.dialTimeoutMs + this.#addresses.length * staggerMs;
    const latestMs = Math.min(Date.now() + patienceMs, deadlineMs);
    const problem = await within(dialling, latestMs, signal);
    if (problem === undefined || signal.aborted) return;
    throw new UnreachableError(`${this.#options.url}: ${problem.message}`, { cause: problem });
  }

  /** The connection stays for who uses it; the next call looks for another. */
  suspect(): void {
    this.#isSuspect = true;
  }

  renew(): void {
    // One that is not connected takes the new identity by itself.
    if (this.isReady()) void this.#dialAgain();
  }

  close(): void {
    this.#stop.abort();
    this.#current?.close();
    for (const client of this.#unanswered.values()) client.close();
    this.#unanswered.clear();
  }

  #dialAgain(): Promise<Error | undefined> {
    this.#dialling ??= this.#dial().finally(() => {
      this.#dialling = undefined;
    });
    return this.#dialling;
  }

  /** Try them; gives what was wrong with each, or nothing. */
  async #dial(): Promise<Error | undefined> {
    const over = new AbortController();
    const { dialTimeoutMs, credentials } = this.#options;
    const clients = this.#addresses.map(
      (address, at) =>
        this.#unanswered.get(at) ??
        new Client(grpcTarget(address), credentials, channelOptionsHere),
    );
    this.#unanswered.clear();
    let turn: Promise<unknown> = Promise.resolve();
    const attempts = clients.map(async (client) => {
      const mine = turn;
      const begun = mine.then(() => Date.now());
      turn = begun.then((atMs) => untilState(client, tried, atMs + staggerMs, over.signal));
      const problem = await untilState(client, ready, (await begun) + dialTimeoutMs, over.signal);
      if (problem !== undefined) throw problem;
      return client;
    });
    const onStop = (): void => {
      over.abort();
    };
    this.#stop.signal.addEventListener('abort', onStop, { once: true });
    try {
      const winner = await Promise.any(attempts);
      if (this.#stop.signal.aborted) return new Error('the channel is closed');
      if (this.#current !== undefined) closeLater(this.#current);
      this.#current = winner;
      this.#isSuspect = false;
      return undefined;
    } catch {
      const texts = await Promise.all(clients.map((client, at) => this.#trouble(client, at)));
      return new Error(texts.join('; '));
    } finally {
      over.abort();
      this.#stop.signal.removeEventListener('abort', onStop);
      for (const [at, client] of clients.entries()) {
        if (client !== this.#current) this.#letGo(client, at);
      }
    }
  }

  #letGo(client: Client, at: number): void {
    const isUnanswered = stateOf(client, false) === connectivityState.CONNECTING;
    if (!isUnanswered || this.#stop.signal.aborted) {
      client.close();
      return;
    }
    this.#unanswered.set(at, client);
    void untilState(client, tried, Infinity, this.#stop.signal).then(() => {
      if (this.#unanswered.get(at) !== client) return;
      this.#unanswered.delete(at);
      client.close();
    });
  }

  async #trouble(client: Client, at: number): Promise<string> {
    const address = this.#addresses[at];
    const place = address === undefined ? '' : placeOf(address);
    if (stateOf(client, false) !== connectivityState.TRANSIENT_FAILURE) {
      return `${place}: no answer within ${String(this.#options.dialTimeoutMs)} ms`;
    }
    return `${place}: ${await lastError(client)}`;
  }
}

/** Links go silent: find out sooner than on one machine. */
const channelOptionsHere = {
  ...channelOptions,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
};

/** What a client in TRANSIENT_FAILURE tells whoever calls. */
function lastError(client: Client): Promise<string> {
  const nothing = (): Buffer => Buffer.alloc(0);
  return new Promise((resolve) => {
    const told = (error: ServiceError | null): void => {
      const { details } = error ?? { details: 'no connection' };
      resolve(
        /Last error: (?:Error: )?(.*?)(?: \(.*)?\. Resolution note/s.exec(details)?.[1] ?? details,
      );
    };
    client.makeUnaryRequest('/', nothing, nothing, undefined, { deadline: Date.now() + 100 }, told);
  });
}

/** What `work` comes to, or that there was no time to wait for it. */
async function within(
  work: Promise<Error | undefined>,
  latestMs: number,
  signal: AbortSignal,
): Promise<Error | undefined> {
  let stop: () => void = () => undefined;
  const late = new Promise<Error>((resolve) => {
    const timer = setTimeout(
      () => {
        resolve(new Error('no connection in the time there was'));
      },
      Math.max(latestMs - Date.now(), 0),
    );
    const onAbort = (): void => {
      resolve(new Error('given up'));
    };
    stop = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    stop();
  }
}
