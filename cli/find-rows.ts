// SPDX-License-Identifier: Apache-2.0
/** Registry entries as rows of `wanwire find`. */
import { timestampMs } from '../api/chain/connection.js';
import type { NetworkService, NetworkServiceEndpoint } from '../api/gen/registry.js';
import { labelText, printable } from './table.js';

/** Heads of {@link serviceRow}. */
export const serviceTitles = ['SERVICE', 'PAYLOAD', 'MATCHES'];

/** A network service: how clients are led to its endpoints. */
export function serviceRow({ name, payload, matches }: NetworkService): readonly string[] {
  const rules = matches.map(({ sourceSelector, routes }) => {
    const to = routes.map(({ destinationSelector }) => labelText(destinationSelector));
    return `${labelText(sourceSelector)} > ${to.length === 0 ? '-' : to.join(' or ')}`;
  });
  return [printable(name), payload || 'IP', rules.length === 0 ? '-' : rules.join('; ')];
}

/** Heads of {@link endpointRow}. */
export const endpointTitles = ['ENDPOINT', 'SERVICES', 'LABELS', 'URL', 'EXPIRES'];

/** An endpoint, and in how many seconds its entry runs out. */
export function endpointRow(entry: NetworkServiceEndpoint, nowMs: number): readonly string[] {
  const { name, networkServiceNames, networkServiceLabels, url, expirationTime } = entry;
  // Most endpoints have the same labels for each of their services.
  const labels = new Set(Object.values(networkServiceLabels).map((one) => labelText(one.labels)));
  const leftMs = expirationTime === undefined ? undefined : timestampMs(expirationTime) - nowMs;
  return [
    printable(name),
    printable(networkServiceNames.join(',')) || '-',
    [...labels].join(' ') || '-',
    printable(url) || '-',
    leftMs === undefined ? 'never' : `${String(Math.max(0, Math.round(leftMs / 1000)))}s`,
  ];
}
