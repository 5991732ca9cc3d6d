// SPDX-License-Identifier: Apache-2.0
/** A forwarder and endpoints of a site that touch no kernel: their chains' way of a Request, without interfaces. */
import type { Test } from 'tap';
import { systemClock as clock } from '../../api/chain/clock.js';
import { compose } from '../../api/chain/compose.js';
import type { Chain } from '../../api/chain/element.js';
import { authorize } from '../../api/elements/authorize.js';
import { begin } from '../../api/elements/begin.js';
import { connect } from '../../api/elements/connect.js';
import { ConnectionEvents } from '../../api/elements/connection-events.js';
import { discover } from '../../api/elements/discover.js';
import { follow } from '../../api/elements/follow.js';
import { hold } from '../../api/elements/hold.js';
import { monitor } from '../../api/elements/monitor.js';
import { remote } from '../../api/elements/remote.js';
import { roundRobin } from '../../api/elements/round-robin.js';
import { timeout } from '../../api/elements/timeout.js';
import { trimPath } from '../../api/elements/trim-path.js';
import { updatePath } from '../../api/elements/update-path.js';
import { updateToken } from '../../api/elements/update-token.js';
import { NetworkService, NetworkServiceEndpoint } from '../../api/gen/registry.js';
import { isPeerControl, type ControlSource } from '../../api/grpc/control.js';
import { channels } from '../../api/grpc/dial.js';
import { serve } from '../../api/grpc/serve.js';
import type { Security } from '../../api/identity/security.js';
import { silentLogger } from '../../api/log/log.js';
import { cachedRegistries } from '../../api/registry/cached.js';
import { keepRegistered } from '../../api/registry/registration.js';
import { remoteRegistries } from '../../api/registry/remote.js';
import { recording } from './elements.js';

const log = silentLogger();

/** What every member has. */
export interface Member {
  readonly name: string;
  /** Its manager's URL, and its own. */
  readonly manager: string;
  readonly url: string;
  readonly security: Security;
}

/** What an endpoint was asked. */
export interface Seen {
  readonly seen: ReturnType<typeof recording>;
}

/** A forwarder that goes to endpoints without making wires, and holds those of other sites. */
export async function forwarderOf(
  t: Test,
  member: Member & { readonly files: ControlSource; readonly holdMs: number },
): Promise<void> {
  const { name, security, files, holdMs } = member;
  const allowed = isPeerControl(files);
  const peers = channels({ security, dialTimeoutMs: 100, allowed, log });
  const registries = cachedRegistries(remoteRegistries(peers.acquire(member.manager)), {
    clock,
    log,
  });
  t.teardown(() => {
    registries[Symbol.dispose]();
    peers[Symbol.dispose]();
  });
  const events = new ConnectionEvents();
  const chain = compose(
    updatePath(name),
    begin(),
    updateToken(security),
    authorize(security, { heldMs: holdMs }),
    timeout({ held: { holds: () => true, holdMs, refreshes: true } }),
    monitor(events),
    discover(registries),
    roundRobin(),
    connect(compose(hold({ holdMs }), follow(peers, events), remote(peers))),
  );
  await join(t, member, chain, events, 'forwarder', { p2p: 'true' });
}

/** An endpoint of `wan` without interfaces. */
export async function endpointOf(
  t: Test,
  member: Member & {
    readonly labels: Readonly<Record<string, string>>;
    /** As WANWIRE_HOLD. */
    readonly heldMs?: number;
  },
): Promise<Seen> {
  const events = new ConnectionEvents();
  const seen = recording();
  const chain = compose(
    updatePath(member.name),
    begin(),
    updateToken(member.security),
    authorize(member.security, { heldMs: member.heldMs }),
    timeout(),
    monitor(events),
    trimPath(),
    seen,
  );
  await join(t, member, chain, events, 'wan', member.labels);
  return { seen };
}

async function join(
  t: Test,
  { name, manager, url, security }: Member,
  chain: Chain,
  events: ConnectionEvents,
  service: string,
  labels: Readonly<Record<string, string>>,
): Promise<void> {
  const serving = await serve({ listenOn: [url], security, log, clock, chain, events });
  const peers = channels({ security, dialTimeoutMs: 500, log });
  const registration = keepRegistered({
    registries: remoteRegistries(peers.acquire(manager)),
    service: NetworkService.fromPartial({ name: service }),
    endpoint: NetworkServiceEndpoint.fromPartial({
      name,
      url,
      networkServiceNames: [service],
      networkServiceLabels: { [service]: { labels: { ...labels } } },
    }),
    clock,
    log,
  });
  t.teardown(async () => {
    await registration.close({ unregister: false });
    await serving.close(0);
    peers[Symbol.dispose]();
  });
  await registration.ready;
}
