// SPDX-License-Identifier: Apache-2.0
/**
 * Makes one connection of many Requests: one at a time, with a memory, and
 * with a way for timers and monitors to start one.
 *
 * When: around everything after it, Requests and Closes.
 * Where: second, after `updatePath` (it goes by this hop's id) and before
 * every element that keeps something in `call.state` or uses `call.again`.
 * Leaves: nothing outside the process. What a dead process had wired is made
 * known again by `adopt`.
 *
 * Scope. The connection id at this hop is the scope of everything below; two
 * connections never wait for each other.
 *
 * Exclusivity. Of one connection, one Request or Close runs at a time, wherever
 * it was started: by the peer, or by an element through `call.again`. So no
 * element behind `begin` needs a lock for its own connection. An element must
 * not await `again` inside its own `request` or `close`: it would wait for itself.
 *
 * Order. They run in the order in which they came. Who gives up while waiting
 * leaves the line, and who has waited for nearly all of its time is told so. A Close cuts short an attempt that `again` has under way,
 * because it makes that attempt pointless.
 *
 * Close Correctness. A Close works on the Connection last answered, not on
 * the one that came: a caller may know less than we do. A Close of an unknown id is
 * done already here, and is passed on where its path goes on. A Close that has begun is not abandoned with its caller. Steps
 * that failed were all tried and are not tried again; only a Guard's refusal
 * keeps the connection.
 *
 * Chain Placement. `again` starts with the element after `begin`, so whatever
 * stands before it is not passed again.
 *
 * Reasoning. A first Request that fails leaves nothing: its State is disposed. A
 * refresh that fails keeps what stands. RESELECT_REQUESTED closes first, and the
 * old State is disposed once the new connection stands; if `again` asked for it
 * and it fails, the old State stays, so that whoever asked can ask again.
 */
import { status } from '@grpc/grpc-js';
import { lateMs, type Again, type AgainOptions, type Call } from '../chain/call.js';
import { nextSegment } from '../chain/connection.js';
import { Deadline } from '../chain/deadline.js';
import type { Chain, Guard, Request } from '../chain/element.js';
import { State } from '../chain/state.js';
import { Turns, type Turn } from '../chain/turns.js';
import { CloseError } from '../errors/close-error.js';
import { invalid, WireError } from '../errors/wire-error.js';
import { State as ConnectionState, type Connection } from '../gen/connection.js';
import { Life } from './life.js';

/** What may be said otherwise. */
export interface BeginOptions {
  /** What an attempt of `again` has, in milliseconds; 15,000 unless given. */
  readonly attemptMs?: number;
}

/** All that happens to one id, life after life. */
interface Place {
  readonly id: string;
  readonly turns: Turns;
  life: Life;
}

/** What a wait for a turn goes by. */
type Timed = Pick<Call, 'clock' | 'signal' | 'deadlineMs'>;

/** The element. */
export function begin(options: BeginOptions = {}): Begin {
  return new Begin(options);
}

/** See the head of this file; made by {@link begin}, one per chain. */
export class Begin implements Guard {
  readonly kind = 'guard';
  readonly name = 'begin';
  readonly #places = new Map<string, Place>();
  readonly #attemptMs: number;
  #rest: Chain | undefined;

  constructor({ attemptMs = 15_000 }: BeginOptions) {
    this.#attemptMs = attemptMs;
  }

  /** How many connections are known. */
  get size(): number {
    return this.#places.size;
  }

  composed(rest: Chain): void {
    if (this.#rest !== undefined) throw new TypeError('begin: stands in one chain only');
    this.#rest = rest;
  }

  /**
   * Make a connection known that a former life of this process wired: a Close
   * works on it and a Request for it is a refresh. `connection` is as this hop
   * sees it (own id, own index). The State returned takes what elements would have kept.
   */
  adopt(connection: Connection): State {
    const { life } = this.#place(connection.id);
    life.connection = connection;
    life.stands = true;
    return life.state;
  }

  async request(call: Call, request: Request): Promise<Connection> {
    const place = this.#place(request.connection.id);
    return this.#inTurn(place, call, () => {
      if (place.life.ended) place.life = new Life();
      place.life.call = call;
      return this.#run(place, call, request);
    });
  }

  async close(call: Call, connection: Connection): Promise<void> {
    const place = this.#places.get(connection.id);
    if (place === undefined) {
      if (connection.id === '') throw noId(connection.id);
      if (nextSegment(connection) !== undefined) await this.#passOn(call, connection);
      return;
    }
    place.life.attempt?.cancel(new DOMException('the connection is closed', 'AbortError'));
    await this.#inTurn(place, call, () => this.#end(place, call));
  }

  /** We may have been restarted: whoever is behind us may still know it. */
  async #passOn(call: Call, connection: Connection): Promise<void> {
    using state = new State();
    await this.#chain.close({ ...call, state }, connection);
  }

  #place(id: string): Place {
    if (id === '') throw noId(id);
    const known = this.#places.get(id);
    if (known !== undefined) return known;
    const place = { id, turns: new Turns(), life: new Life() };
    this.#places.set(id, place);
    return place;
  }

  async #inTurn<T>(place: Place, timed: Timed, act: () => Promise<T>): Promise<T> {
    try {
      using _turn = await this.#turn(place, timed);
      return await act();
    } finally {
      const { life, turns } = place;
      if (turns.idle && (life.ended || life.connection === undefined)) {
        this.#places.delete(place.id);
      }
    }
  }

  async #turn({ id, turns }: Place, { clock, signal, deadlineMs }: Timed): Promise<Turn> {
    if (turns.idle) return turns.take(signal);
    // There must be time left to say it.
    using patience = new Deadline(clock, (deadlineMs - clock.now()) * 0.9, signal);
    try {
      return await turns.take(patience.signal);
    } catch (reason) {
      if (signal.aborted) throw reason;
      const text = `connection ${id}: earlier calls for it took all the time that this one had`;
      throw new WireError(status.DEADLINE_EXCEEDED, text);
    }
  }

  async #run(place: Place, call: Call, request: Request): Promise<Connection> {
    const { life } = place;
    const reselect = request.connection.state === ConnectionState.RESELECT_REQUESTED;
    if (life.stands && reselect) await this.#closeFirst(place, call);
    const wish = life.stands && !reselect ? life.resumed(request) : request;
    const state = life.stands || life.connection === undefined ? life.state : new State();
    try {
      const answer = await this.#chain.request(this.#within(place, call, state), wish);
      const connection = { ...answer, state: ConnectionState.UP };
      life.answered(call.own ? undefined : wish, connection, state);
      return connection;
    } catch (reason) {
      if (!life.stands) {
        state[Symbol.dispose]();
        if (!call.own) life.end();
      }
      throw reason;
    }
  }

  /** The new wish matters more than the old one's decent end, so a failure is only noted. */
  async #closeFirst(place: Place, call: Call): Promise<void> {
    const { id, life } = place;
    if (life.connection === undefined) return;
    const leftMs = Math.max(call.deadlineMs - call.clock.now(), 0);
    using late = new Deadline(call.clock, Math.min(lateMs, leftMs / 2));
    life.stands = false;
    try {
      await this.#chain.close(this.#within(place, late.over(call), life.state), life.connection);
    } catch (reason) {
      call.log.info({ conn: id, err: reason }, 'closing before a reselect failed');
    }
  }

  async #end(place: Place, call: Call): Promise<void> {
    const { life } = place;
    if (life.connection === undefined || life.ended) return;
    const leftMs = call.deadlineMs - call.clock.now();
    using late = new Deadline(call.clock, Math.max(leftMs, lateMs));
    try {
      await this.#chain.close(this.#within(place, late.over(call), life.state), life.connection);
    } catch (reason) {
      if (reason instanceof CloseError) life.end();
      throw reason;
    }
    life.end();
  }

  /** The call as the elements behind us see it. */
  #within(place: Place, call: Call, state: State): Call {
    const again = this.#again(place, place.life);
    return { ...call, log: call.log.child({ conn: place.id }), state, again };
  }

  #again(place: Place, life: Life): Again {
    const attempt = async (
      options: AgainOptions,
      act: (own: Call) => Promise<unknown>,
    ): Promise<void> => {
      if (life.ended || life.call === undefined) return;
      const { clock, log, state, again } = life.call;
      using deadline = new Deadline(clock, this.#attemptMs, options.signal);
      const { signal, atMs } = deadline;
      await this.#inTurn(place, { clock, signal, deadlineMs: atMs }, async () => {
        if (life.ended) return;
        life.attempt = deadline;
        try {
          await act({ signal, deadlineMs: atMs, log, clock, state, again, own: true });
        } finally {
          life.attempt = undefined;
        }
      });
    };
    return {
      request: (options = {}) =>
        attempt(options, async (own) => {
          const wish = life.repeat(options.reselect === true);
          if (wish !== undefined) await this.#run(place, own, wish);
        }),
      close: () => attempt({}, (own) => this.#end(place, own)),
    };
  }

  get #chain(): Chain {
    if (this.#rest === undefined) throw new TypeError('begin: stands in no chain');
    return this.#rest;
  }
}

function noId(id: string): Error {
  return invalid('connection.id', id, 'a name for the connection');
}
