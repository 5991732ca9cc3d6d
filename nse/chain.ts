// SPDX-License-Identifier: Apache-2.0
/** What happens to a Request at an endpoint, in order. Only this list decides it. */
import { compose } from '../api/chain/compose.js';
import type { Chain, Element } from '../api/chain/element.js';
import { authorize } from '../api/elements/authorize.js';
import { begin } from '../api/elements/begin.js';
import type { ConnectionEvents } from '../api/elements/connection-events.js';
import { files } from '../api/elements/files.js';
import { hopTime } from '../api/elements/hop-time.js';
import { mechanisms } from '../api/elements/mechanisms.js';
import { monitor } from '../api/elements/monitor.js';
import { timeout } from '../api/elements/timeout.js';
import { trimPath } from '../api/elements/trim-path.js';
import { updatePath } from '../api/elements/update-path.js';
import { updateToken } from '../api/elements/update-token.js';
import type { Security } from '../api/identity/security.js';
import { kernel, type Parameters } from './elements/kernel.js';

/** What the list needs. */
export interface EndpointParts {
  readonly name: string;
  readonly security: Security;
  /** How long tokens of hops further away may be over; see `tokens-expired`. */
  readonly heldMs?: number | undefined;
  readonly events: ConnectionEvents;
  /** Where clients' interfaces go. */
  readonly namespaceUrl: string;
  /** The endpoint's own elements; on the way back they see the addresses. */
  readonly elements: readonly Element[];
  readonly ipam: Element;
  /** What else to tell the forwarder. */
  readonly parameters?: Parameters | undefined;
}

/** The endpoint's chain. */
export function endpointChain(parts: EndpointParts): Chain {
  return compose(
    // Our namespace goes with each answer.
    files({ url: parts.namespaceUrl }),
    // Its life: guards first, which may stop a Close.
    updatePath(parts.name),
    begin(),
    updateToken(parts.security),
    authorize(parts.security, { heldMs: parts.heldMs }),
    timeout(),
    monitor(parts.events),
    hopTime(),
    trimPath(),
    // What this endpoint is about.
    ...parts.elements,
    parts.ipam,
    // Where the forwarder is to make the interface.
    mechanisms({ KERNEL: kernel(parts.namespaceUrl, parts.parameters) }),
  );
}
