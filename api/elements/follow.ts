// SPDX-License-Identifier: Apache-2.0
/**
 * Passes on what the next hop says of a connection, under this hop's own id and
 * index (upstream's monitor relay), with the metrics of those behind.
 *
 * When: on the way back begins to listen, until Close. A connection that the
 * next hop lost, or a next hop that fell silent, is told as state DOWN; one that
 * it wants to be asked for again as REFRESH_REQUESTED. Another site is different: its
 * silence says nothing of the wire, and where it was restarted it is asked again.
 * Where: in a proxy's client chain, before `remote`: its Close must stop
 * listening before the next hop tells of it.
 * Leaves: nothing.
 */
import type { Call } from '../chain/call.js';
import { ownSegment } from '../chain/connection.js';
import type { Step } from '../chain/element.js';
import { stateKey } from '../chain/state.js';
import { State, type Connection } from '../gen/connection.js';
import type { Channels } from '../grpc/channel.js';
import type { ConnectionEvents } from './connection-events.js';
import { leaseKey } from './held.js';
import { waitOf, withMetricsOf } from './link-metrics.js';
import { nextHop } from './next-hop.js';
import { otherSiteOf } from './other-site.js';
import { peerMonitors, type News } from './peer-monitor.js';

interface Following extends Disposable {
  readonly url: string;
}
const following = stateKey<Following>('follow');

/** The element. */
export function follow(channels: Channels, events: ConnectionEvents): Step {
  const monitors = peerMonitors(channels);
  const passOn = (call: Call, connection: Connection, news: News): void => {
    const { id } = connection;
    if (news.kind === 'gone' || news.kind === 'missing') call.state.get(leaseKey)?.lost(news.kind);
    if (otherSiteOf(connection, call.state.get(nextHop)) !== undefined) {
      // Its wire carries on without the stream, which is opened again.
      if (news.kind === 'silent') return;
      if (news.kind === 'missing') {
        askAgain(call);
        return;
      }
    }
    if (news.kind !== 'is') {
      events.lost(id);
      return;
    }
    const known = events.get(id);
    if (known === undefined) return;
    const { state } = news.connection;
    // What else a Request changed is told by our own `monitor`, when we answer it.
    const now = { ...withMetricsOf(known, news.connection), state };
    if (state === State.UP && (known.state !== State.DOWN || isWaiting(now))) return;
    const isKnown = known.state === State.DOWN && isWaiting(known) === isWaiting(now);
    if (state === State.DOWN && isKnown) return;
    events.update(now);
  };
  return {
    kind: 'step',
    name: 'follow',

    async request(call, request, next) {
      const answer = await next(call, request);
      const url = call.state.get(nextHop);
      if (url === undefined || call.state.get(following)?.url === url) return answer;
      const { name, id } = ownSegment(answer);
      const watcher = {
        name,
        id,
        told: (news: News): void => {
          passOn(call, answer, news);
        },
      };
      const { clock, log } = call;
      const watch = monitors.watch(url, watcher, { clock, log });
      call.state.set(following, Object.assign(watch, { url }));
      return answer;
    },

    close(call) {
      call.state.delete(following);
      return Promise.resolve();
    },
  };
}

function isWaiting(connection: Connection): boolean {
  return waitOf(connection) !== undefined;
}

/** Where that fails, `monitor` tells it as state DOWN. */
function askAgain({ again, log }: Call): void {
  again.request().catch((reason: unknown) => {
    log.info({ err: reason }, 'another site has forgotten a wire, and does not take it up again');
  });
}
