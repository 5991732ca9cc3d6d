// SPDX-License-Identifier: Apache-2.0
/** What `begin` knows of one connection from its first Request to its Close. */
import type { Call } from '../chain/call.js';
import type { Deadline } from '../chain/deadline.js';
import type { Request } from '../chain/element.js';
import { State } from '../chain/state.js';
import { State as ConnectionState, type Connection } from '../gen/connection.js';

/** One life of a connection id; a Request after its end begins another. */
export class Life {
  /** The last call that came from outside; what `again` starts is modelled on it. */
  call: Call | undefined;
  /** The last Request that was answered, as it came. */
  wish: Request | undefined;
  /** The last answered Connection; none before the first answer. */
  connection: Connection | undefined;
  /** Whether `connection` stands, i.e. was not closed for a reselect that failed. */
  stands = false;
  state = new State();
  /** The attempt that `again` has under way; a Close from outside cuts it short. */
  attempt: Deadline | undefined;
  ended = false;

  /** A Request or reselect succeeded, with `state` as its memory. */
  answered(wish: Request, connection: Connection, state: State): void {
    const before = this.state;
    this.wish = wish;
    this.connection = connection;
    this.stands = true;
    this.state = state;
    if (before !== state) before[Symbol.dispose]();
  }

  /** The last Request with what was answered to it. */
  repeat(reselect: boolean): Request | undefined {
    if (this.connection === undefined) return undefined;
    const mechanismPreferences = this.wish?.mechanismPreferences ?? [];
    if (!reselect && this.stands) return { connection: this.connection, mechanismPreferences };
    const connection = {
      ...this.connection,
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
