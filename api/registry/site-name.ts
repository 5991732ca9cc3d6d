// SPDX-License-Identifier: Apache-2.0
/** Names across sites: `wan@cloud` is what site `cloud` calls `wan`. Pure functions. */
import type { NetworkService, NetworkServiceEndpoint } from '../gen/registry.js';

/** A name taken apart. */
export interface SiteName {
  readonly local: string;
  /** Where it has an `@`: what stands after the first one. */
  readonly site: string | undefined;
}

/** Split at the first `@`. */
export function splitName(name: string): SiteName {
  const at = name.indexOf('@');
  if (at < 0) return { local: name, site: undefined };
  return { local: name.slice(0, at), site: name.slice(at + 1) };
}

/** The name without its site. */
export function localName(name: string): string {
  return splitName(name).local;
}

/** A local name as other sites write it; no name stays none. */
export function nameAt(local: string, site: string): string {
  return local === '' ? '' : `${local}@${site}`;
}

/** A kind of registry entry, as far as its names go. */
export interface Naming<T> {
  /** All names it has or asks for. */
  readonly names: (entry: T) => readonly string[];
  /** A copy with other names. */
  readonly renamed: (entry: T, rename: (name: string) => string) => T;
}

/** A network service has one name. */
export const serviceNaming: Naming<NetworkService> = {
  names: ({ name }) => [name],
  renamed: (service, rename) => ({ ...service, name: rename(service.name) }),
};

/** An endpoint has its own name and those of its services, also as keys of their labels. */
export const endpointNaming: Naming<NetworkServiceEndpoint> = {
  names: ({ name, networkServiceNames, networkServiceLabels }) => [
    name,
    ...networkServiceNames,
    ...Object.keys(networkServiceLabels),
  ],
  renamed: (endpoint, rename) => ({
    ...endpoint,
    name: rename(endpoint.name),
    networkServiceNames: endpoint.networkServiceNames.map(rename),
    networkServiceLabels: Object.fromEntries(
      Object.entries(endpoint.networkServiceLabels).map(([name, of]) => [rename(name), of]),
    ),
  }),
};

/** The sites that an entry's names are of. */
export function sitesOf<T>(naming: Naming<T>, entry: T): ReadonlySet<string> {
  const sites = naming.names(entry).map((name) => splitName(name).site);
  return new Set(sites.filter((site) => site !== undefined));
}
