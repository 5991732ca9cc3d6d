// SPDX-License-Identifier: Apache-2.0
/** What happens to the Request of an init container: as in `chain.ts`, but nobody keeps the connection. */
import { compose } from '../api/chain/compose.js';
import type { Chain } from '../api/chain/element.js';
import { authorizeAnswer } from '../api/elements/authorize-answer.js';
import { clientInfo } from '../api/elements/client-info.js';
import { clientUrl } from '../api/elements/client-url.js';
import { excludedPrefixesClient } from '../api/elements/excluded-prefixes-client.js';
import { files } from '../api/elements/files.js';
import { hopTime } from '../api/elements/hop-time.js';
import { remote } from '../api/elements/remote.js';
import { updatePath } from '../api/elements/update-path.js';
import type { SharedParts } from './assemble.js';
import { kernel } from './elements/kernel.js';

/** The chain, shared by all wires of the pod. */
export function initChain(parts: SharedParts): Chain {
  const { channels } = parts;
  return compose(
    updatePath(parts.name),
    parts.begin,
    hopTime(),
    clientUrl(parts.connectTo),
    clientInfo(parts.info),
    excludedPrefixesClient(),
    kernel(parts.namespaceUrl),
    files({ url: parts.namespaceUrl }),
    authorizeAnswer(parts.security, { heldMs: parts.heldMs }),
    remote(channels),
  );
}
