// SPDX-License-Identifier: Apache-2.0
/** What happens to a client's own Request, in order. Only this list decides it. */
import { compose } from '../api/chain/compose.js';
import type { Chain } from '../api/chain/element.js';
import type { Begin } from '../api/elements/begin.js';
import { authorizeAnswer } from '../api/elements/authorize-answer.js';
import { clientInfo, type ClientInfo } from '../api/elements/client-info.js';
import { clientUrl } from '../api/elements/client-url.js';
import type { ConnectionEvents } from '../api/elements/connection-events.js';
import { excludedPrefixesClient } from '../api/elements/excluded-prefixes-client.js';
import { files } from '../api/elements/files.js';
import { heal, type HealOptions } from '../api/elements/heal.js';
import { hopTime } from '../api/elements/hop-time.js';
import { monitor } from '../api/elements/monitor.js';
import { refresh } from '../api/elements/refresh.js';
import { remote } from '../api/elements/remote.js';
import { updatePath } from '../api/elements/update-path.js';
import type { Channels } from '../api/grpc/channel.js';
import type { Security } from '../api/identity/security.js';
import { kernel } from './elements/kernel.js';

/** What the list needs. */
export interface ClientParts {
  readonly name: string;
  readonly begin: Begin;
  readonly events: ConnectionEvents;
  readonly info: ClientInfo;
  /** The manager's URL. */
  readonly connectTo: string;
  readonly heal: Omit<HealOptions, 'channels'>;
  /** Where the interfaces go. */
  readonly namespaceUrl: string;
  readonly channels: Channels;
  readonly security: Security;
  /** How long tokens of hops further away may be over (`WANWIRE_HOLD`). */
  readonly heldMs: number;
}

/** The client's chain, shared by all its wires. Retrying is the wire's (`wire.ts`). */
export function clientChain(parts: ClientParts): Chain {
  const { channels } = parts;
  return compose(
    // Its life: what `begin` repeats starts below it.
    updatePath(parts.name),
    parts.begin,
    monitor(parts.events),
    hopTime(),
    refresh(),
    // Where to, and what to do when that fails.
    clientUrl(parts.connectTo),
    heal({ ...parts.heal, channels }),
    // What is asked for.
    clientInfo(parts.info),
    excludedPrefixesClient(),
    kernel(parts.namespaceUrl),
    files({ url: parts.namespaceUrl }),
    // The manager.
    authorizeAnswer(parts.security, { heldMs: parts.heldMs }),
    remote(channels),
  );
}
