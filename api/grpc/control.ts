// SPDX-License-Identifier: Apache-2.0
/** Where sites' managers listen for each other, as `channels` and `serve` ask for it (`allowed`). */
import type { Site } from '../site/types.js';
import { parseAddress, placeOf } from './address.js';

/** A site's file as it is now; `SiteWatch` of api/site is one. */
export interface ControlSource {
  readonly current: { readonly site: Pick<Site, 'control' | 'peers'> };
}

/** Whether `host:port` is a control address of some peer: what may be dialled in plaintext. */
export function isPeerControl(source: ControlSource | undefined): (hostPort: string) => boolean {
  return (hostPort) =>
    source?.current.site.peers.some(({ control }) => has(control, hostPort)) === true;
}

/** Whether `host:port` is a control address of our own: where may be listened in plaintext. */
export function isOwnControl(source: ControlSource | undefined): (hostPort: string) => boolean {
  return (hostPort) => source !== undefined && has(source.current.site.control, hostPort);
}

function has(control: readonly string[], hostPort: string): boolean {
  return control.some((one) => placeOf(parseAddress(`tcp://${one}`, 'control')) === hostPort);
}
