// SPDX-License-Identifier: Apache-2.0
/** What happens to a Request at the forwarder, in order. Only this list decides it. */
import { compose } from '../api/chain/compose.js';
import type { Chain } from '../api/chain/element.js';
import { authorize } from '../api/elements/authorize.js';
import type { Begin } from '../api/elements/begin.js';
import { connect } from '../api/elements/connect.js';
import type { ConnectionEvents } from '../api/elements/connection-events.js';
import { discover } from '../api/elements/discover.js';
import { files } from '../api/elements/files.js';
import { filterMechanisms } from '../api/elements/filter-mechanisms.js';
import { follow } from '../api/elements/follow.js';
import type { HeldOptions } from '../api/elements/held.js';
import { hold, type HoldOptions } from '../api/elements/hold.js';
import { hopTime } from '../api/elements/hop-time.js';
import { kernelMechanism } from '../api/elements/kernel-mechanism.js';
import { mechanismTranslation } from '../api/elements/mechanism-translation.js';
import { mechanisms } from '../api/elements/mechanisms.js';
import { monitor } from '../api/elements/monitor.js';
import { offer } from '../api/elements/offer.js';
import { remote } from '../api/elements/remote.js';
import { roundRobin } from '../api/elements/round-robin.js';
import { timeout } from '../api/elements/timeout.js';
import { updatePath } from '../api/elements/update-path.js';
import { updateToken } from '../api/elements/update-token.js';
import type { Channels } from '../api/grpc/channel.js';
import { pathTrust } from '../api/identity/path-trust.js';
import type { Security } from '../api/identity/security.js';
import type { Registries } from '../api/registry/registry.js';
import { mtu as defaultMtu } from './elements/mtu.js';
import { gateway } from './elements/gateway.js';
import { linkFigures } from './elements/link-figures.js';
import { steer } from './elements/steer.js';
import { wire } from './elements/wire.js';
import { addresses } from './facets/addresses.js';
import { beside } from './facets/beside.js';
import type { Facet } from './facets/facet.js';
import { gatewayRoutes } from './facets/gateway-routes.js';
import { linkRoutes } from './facets/link-routes.js';
import { mtu } from './facets/mtu.js';
import { neighbours } from './facets/neighbours.js';
import { pingGroupRange } from './facets/ping-group-range.js';
import type { Gateway } from './gateway/gateway.js';
import { kernelClient, kernelServer } from './mechanisms/kernel/index.js';
import type { Wires } from './mechanisms/kernel/index.js';
import { keys } from './mechanisms/vxlan/node.js';
import { vxlanClient, vxlanServer, type TunnelSelf } from './mechanisms/vxlan/index.js';
import type { Namespaces } from './namespaces/namespaces.js';
import type { Records } from './records.js';
import type { AskAgain } from './steering/again.js';
import type { Reach } from './steering/reach.js';
import type { Steering } from './steering/steering.js';

/** What an answered Connection says of both ends of the wire, in NSM's order. */
export const kernelFacets: readonly Facet[] = [
  mtu(),
  addresses(),
  linkRoutes(),
  gatewayRoutes(),
  beside(),
  neighbours(),
  pingGroupRange(),
];

/** What the list needs. */
export interface ForwarderParts {
  readonly name: string;
  /** What its interfaces are told by. */
  readonly owner: string;
  /** Made by whoever adopts what a former life wired. */
  readonly begin: Begin;
  readonly security: Security;
  readonly events: ConnectionEvents;
  readonly registries: Registries;
  readonly channels: Channels;
  readonly namespaces: Namespaces;
  readonly wires: Wires;
  readonly records: Records;
  /** Nothing where this node has no WAN links: then wires stay within it. */
  readonly wan: Wan | undefined;
}

/** What a node with WAN links has. */
export interface Wan {
  readonly self: TunnelSelf;
  readonly steering: Steering;
  readonly gateway: Gateway;
  readonly again: AskAgain;
  /** How long a wire stands without the other site's manager. */
  readonly holdMs: number;
  readonly reach: Reach;
}

/** A wire from another site of ours stands while it carries, whoever cannot be heard. */
function heldBy({ steering, holdMs }: Wan, security: Security): HeldOptions {
  return {
    trusts: pathTrust(security),
    holds: (_call, { mechanism }) => mechanism?.parameters[keys.source] !== undefined,
    usable: (id) => steering.usable(id),
    holdMs,
    refreshes: true,
  };
}

/** One to another site stands while it carries, or waits for a link. */
function heldTo({ steering, reach, holdMs }: Wan, security: Security): HoldOptions {
  return {
    trusts: pathTrust(security),
    usable: (id) => steering.usable(id) || reach.isWaiting(id),
    isAway: (id) => reach.isAway(id),
    holdMs,
  };
}

/** The forwarder's chain. */
export function forwarderChain(parts: ForwarderParts): Chain {
  const { name, owner, channels, security, events, registries, namespaces, wires, records, wan } =
    parts;
  const held = wan && heldBy(wan, security);
  const outward = wan && heldTo(wan, security);
  return compose(
    // What came beneath TLS, before it waits in line.
    files(),
    // Its life: guards first, which may stop a Close.
    updatePath(name),
    parts.begin,
    updateToken(security),
    authorize(security, { heldMs: wan?.holdMs }),
    timeout({ held }),
    monitor(events),
    hopTime(),
    ...(wan ? [linkFigures(wan.reach)] : []),
    // What the client wants: refused here before anybody else is asked.
    mechanisms({
      KERNEL: kernelServer(namespaces),
      ...(wan && { VXLAN: vxlanServer(wan.self) }),
    }),
    defaultMtu(),
    // Which endpoint, and the way there and back.
    discover(registries),
    roundRobin(),
    connect(
      compose(
        mechanismTranslation(),
        offer([kernelMechanism({})]),
        ...(wan ? [vxlanClient(wan.self)] : []),
        filterMechanisms(),
        kernelClient(namespaces),
        ...(outward ? [hold(outward)] : []),
        follow(channels, events),
        remote(channels),
      ),
    ),
    // What the endpoint answered, made so on both sides at once.
    ...(wan ? [gateway({ gateway: wan.gateway, home: wan.self.home })] : []),
    wire({ forwarder: owner, wires, records }, ...kernelFacets),
    ...(wan ? [steer({ wires, steering: wan.steering, again: wan.again })] : []),
  );
}
