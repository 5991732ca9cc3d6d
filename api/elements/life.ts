// SPDX-License-Identifier: Apache-2.0
/** What `begin` knows of one connection from its first Request to its Close. */
import type { Call } from '../chain/call.js';
import { pathOf } from '../chain/connection.js';
import type { Deadline } from '../chain/deadline.js';
import type { Request } from '../chain/element.js';
import { State } from '../chain/state.js';
import { State as ConnectionState, type Connection } from '../gen/connection.js';

/** One life of a connection id; a Request after its end begins another. */
export class Life {
  /** The last call that came from outside; what `again` starts is modelled on it. */
  call: Call | undefined;
  /** The last Request from outside that was answered. */
  wish: Request | undefined;
  /** The last answered Connection; none before the first answer. */
  connection: Connection | undefined;
  /** Whether `connection` stands, i.e. was not closed for a reselect that failed. */
  stands = false;
  state = new State();
  /** The attempt that `again` has under way; a Close from outside cuts it short. */
  attempt: Deadline | undefined;
  ended = false;

  /** A Request or reselect succeeded, with `state` as its memory; `wish` unless it was our own repetition. */
  answered(wish: Request | undefined, connection: Connection, state: State): void {
    const before = this.state;
    this.wish = wish ?? this.wish;
    this.connection = connection;
    this.stands = true;
    this.state = state;
    if (before !== state) before[Symbol.dispose]();
  }

  /** A Request for a connection that stands, from a caller that never learned its endpoint or the path behind us. */
  resumed(request: Request): Request {
    const { connection } = request;
    const known = this.connection;
    if (known === undefined) return request;
    const path = pathOf(connection);
    const behind = pathOf(known).pathSegments.slice(path.index + 1);
    const isCut = path.pathSegments.length === path.index + 1;
    return {
      ...request,
      connection: {
        ...connection,
        networkServiceEndpointName:
          connection.networkServiceEndpointName || known.networkServiceEndpointName,
        path: isCut ? { ...path, pathSegments: [...path.pathSegments, ...behind] } : path,
      },
    };
  }

  /**
   * The last Request with what was answered to it. To choose anew is to wish
   * anew: the addresses and routes of the former endpoint are not asked for.
   */
  repeat(reselect: boolean): Request | undefined {
    if (this.connection === undefined) return undefined;
    const mechanismPreferences = this.wish?.mechanismPreferences ?? [];
    if (!reselect && this.stands) return { connection: this.connection, mechanismPreferences };
    const connection = {
      ...this.connection,
      context: this.wish?.connection.context,
      mechanism: undefined,
      networkServiceEndpointName: '',
      state: ConnectionState.RESELECT_REQUESTED,
    };
    return { connection, mechanismPreferences };
  }

  /** Over: whatever its elements kept is let go. */
  end(): void {
    this.ended = true;
    this.state[Symbol.dispose]();
  }
}
