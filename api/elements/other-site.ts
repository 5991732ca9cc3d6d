// SPDX-License-Identifier: Apache-2.0
/** Whether a connection goes on at another site of ours: what `hold` and `follow` are patient with. */
import type { Connection } from '../gen/connection.js';
import { splitName } from '../registry/site-name.js';

/** The site a connection goes on at where the next hop is there; `url` is the next hop's. */
export function otherSiteOf(connection: Connection, url: string | undefined): string | undefined {
  if (url?.startsWith('tcp:') !== true) return undefined;
  const { networkService, networkServiceEndpointName } = connection;
  return splitName(networkServiceEndpointName).site ?? splitName(networkService).site;
}
