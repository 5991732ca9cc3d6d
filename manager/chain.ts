// SPDX-License-Identifier: Apache-2.0
/** What happens to a Request at the manager, in order. Only this list decides it. */
import { compose } from '../api/chain/compose.js';
import type { Chain } from '../api/chain/element.js';
import { authorize } from '../api/elements/authorize.js';
import { begin } from '../api/elements/begin.js';
import { clientInfo, type ClientInfo } from '../api/elements/client-info.js';
import { connect } from '../api/elements/connect.js';
import type { ConnectionEvents } from '../api/elements/connection-events.js';
import { discoverForwarder } from '../api/elements/discover-forwarder.js';
import { excludedPrefixes, type PrefixSource } from '../api/elements/excluded-prefixes.js';
import { files } from '../api/elements/files.js';
import { follow } from '../api/elements/follow.js';
import { hopTime } from '../api/elements/hop-time.js';
import { monitor } from '../api/elements/monitor.js';
import { remote } from '../api/elements/remote.js';
import { siteNames, type OwnSite } from '../api/elements/site-names.js';
import { timeout } from '../api/elements/timeout.js';
import { updatePath } from '../api/elements/update-path.js';
import { updateToken } from '../api/elements/update-token.js';
import type { Channels } from '../api/grpc/channel.js';
import { pathTrust } from '../api/identity/path-trust.js';
import type { Security } from '../api/identity/security.js';
import type { Registries } from '../api/registry/registry.js';

/** What the list needs. */
export interface ManagerParts {
  readonly name: string;
  readonly security: Security;
  readonly events: ConnectionEvents;
  readonly info: ClientInfo;
  readonly prefixes: PrefixSource;
  /** The network service that forwarders register for. */
  readonly forwarderService: string;
  readonly registries: Registries;
  readonly channels: Channels;
  /** Our site: its name, and where others come in. */
  readonly site: OwnSite;
  /** How long wires of other sites stand that are not refreshed (`WANWIRE_HOLD`). */
  readonly holdMs: number;
}

/** A client that lives has asked again by then. */
const goneMs = 30_000;

/** The manager's chain. */
export function managerChain(parts: ManagerParts): Chain {
  const { channels, security, events, site } = parts;
  return compose(
    // What came beneath TLS, before it waits in line.
    files(),
    // Its life: guards first, which may stop a Close.
    updatePath(parts.name),
    begin(),
    updateToken(security),
    authorize(security),
    timeout({
      held: {
        holds: (call) => site.isControl(call.door),
        trusts: pathTrust(security),
        holdMs: parts.holdMs,
      },
      goneMs,
    }),
    monitor(events),
    hopTime(),
    // Names as they are here.
    siteNames(site),
    // What it adds to the wish.
    clientInfo(parts.info),
    excludedPrefixes(parts.prefixes),
    // Which forwarder carries it, and the way there.
    discoverForwarder(parts.registries, { serviceName: parts.forwarderService }),
    connect(compose(follow(channels, events), remote(channels))),
  );
}
