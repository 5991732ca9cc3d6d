// SPDX-License-Identifier: Apache-2.0
/**
 * The Connections of this hop as they are now, and streams of their changes.
 * `monitor` and `follow` tell it, `api/grpc/serve.ts` streams it to peers.
 */
import {
  ConnectionEvent,
  ConnectionEventType,
  State,
  type Connection,
  type MonitorScopeSelector,
} from '../gen/connection.js';
import { waitOf, withoutWait } from './link-metrics.js';
import { selects } from './selector.js';

/** The store; ids and indexes are this hop's own. */
export class ConnectionEvents {
  readonly #connections = new Map<string, Connection>();
  readonly #subscribers = new Set<Subscriber>();
  readonly #listeners = new Set<(id: string, connection: Connection | undefined) => void>();

  /** The Connection known under this hop's id. */
  get(id: string): Connection | undefined {
    return this.#connections.get(id);
  }

  /** How many connections are known. */
  get size(): number {
    return this.#connections.size;
  }

  /** All that are known. */
  get all(): readonly Connection[] {
    return [...this.#connections.values()];
  }

  /** How many streams are open. */
  get subscribers(): number {
    return this.#subscribers.size;
  }

  /** New or changed. */
  update(connection: Connection): void {
    this.#connections.set(connection.id, connection);
    for (const subscriber of this.#subscribers) subscriber.changed(connection);
    for (const listener of this.#listeners) listener(connection.id, connection);
  }

  /** It carries nothing any more, and is not closed. Says nothing where that is known. */
  down(id: string): void {
    const connection = this.#connections.get(id);
    if (connection === undefined || connection.state === State.DOWN) return;
    this.update({ ...connection, state: State.DOWN });
  }

  /** The same, and it is not only that its links are: there is nothing to wait for. */
  lost(id: string): void {
    const connection = this.#connections.get(id);
    if (connection === undefined) return;
    if (connection.state === State.DOWN && waitOf(connection) === undefined) return;
    this.update({ ...withoutWait(connection), state: State.DOWN });
  }

  /** Only its client's Request can change what was agreed: it is to ask again. */
  askForRefresh(id: string): void {
    const connection = this.#connections.get(id);
    if (connection) this.update({ ...connection, state: State.REFRESH_REQUESTED });
  }

  /** Closed. Says nothing of an unknown one. */
  delete(id: string): void {
    const connection = this.#connections.get(id);
    if (connection === undefined) return;
    this.#connections.delete(id);
    for (const subscriber of this.#subscribers) subscriber.gone(connection);
    for (const listener of this.#listeners) listener(id, undefined);
  }

  /** Told at once of each that is new or changed, and without a connection of one that is closed; returns how to stop. */
  onChange(listener: (id: string, connection: Connection | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * First INITIAL_STATE_TRANSFER, at once and even when empty; then changes, until `signal`.
   * A slow reader gets each connection's last change only, so it costs no more
   * memory than there are connections.
   */
  async *subscribe(
    selector: MonitorScopeSelector,
    signal: AbortSignal,
  ): AsyncGenerator<ConnectionEvent, void> {
    const subscriber = new Subscriber(selector);
    const stop = (): void => {
      subscriber.stop();
    };
    this.#subscribers.add(subscriber);
    signal.addEventListener('abort', stop, { once: true });
    try {
      yield subscriber.initial(this.#connections.values());
      while (!signal.aborted && (await subscriber.ready())) yield* subscriber.take();
    } finally {
      this.#subscribers.delete(subscriber);
      signal.removeEventListener('abort', stop);
    }
  }
}

/** One stream: what its reader was told of, and what it has yet to hear. */
class Subscriber {
  readonly #selector: MonitorScopeSelector;
  readonly #told = new Set<string>();
  #updates = new Map<string, Connection>();
  #deletes = new Map<string, Connection>();
  #wake: ((more: boolean) => void) | undefined;
  #stopped = false;

  constructor(selector: MonitorScopeSelector) {
    this.#selector = selector;
  }

  initial(connections: Iterable<Connection>): ConnectionEvent {
    const chosen = new Map<string, Connection>();
    for (const connection of connections) {
      if (selects(this.#selector, connection)) chosen.set(connection.id, connection);
    }
    return this.#event(ConnectionEventType.INITIAL_STATE_TRANSFER, chosen);
  }

  changed(connection: Connection): void {
    if (!selects(this.#selector, connection)) return;
    this.#deletes.delete(connection.id);
    this.#updates.set(connection.id, connection);
    this.#wake?.(true);
  }

  gone(connection: Connection): void {
    this.#updates.delete(connection.id);
    if (!this.#told.has(connection.id)) return;
    this.#deletes.set(connection.id, connection);
    this.#wake?.(true);
  }

  /** Resolves to true when there is something to take, to false when stopped. */
  ready(): Promise<boolean> {
    if (this.#stopped) return Promise.resolve(false);
    if (this.#updates.size + this.#deletes.size > 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  *take(): Generator<ConnectionEvent> {
    const updates = this.#updates;
    const deletes = this.#deletes;
    this.#updates = new Map();
    this.#deletes = new Map();
    // Deletes first: an id closed and made anew is in `updates` only.
    if (deletes.size > 0) yield this.#event(ConnectionEventType.DELETE, deletes);
    if (updates.size > 0) yield this.#event(ConnectionEventType.UPDATE, updates);
  }

  stop(): void {
    this.#stopped = true;
    this.#wake?.(false);
  }

  #event(type: ConnectionEventType, connections: Map<string, Connection>): ConnectionEvent {
    for (const id of connections.keys()) {
      if (type === ConnectionEventType.DELETE) this.#told.delete(id);
      else this.#told.add(id);
    }
    return ConnectionEvent.fromPartial({ type, connections: Object.fromEntries(connections) });
  }
}
