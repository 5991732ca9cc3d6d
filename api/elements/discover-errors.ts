// SPDX-License-Identifier: Apache-2.0
/** NOT_FOUND as a user can act on it: what was asked for, and what there is. */
import { status } from '@grpc/grpc-js';
import { detached, type Call } from '../chain/call.js';
import { WireError } from '../errors/wire-error.js';
import { NetworkService, type NetworkServiceEndpoint } from '../gen/registry.js';
import { findAll } from '../registry/look-up.js';
import { labelsOf, type Labels } from '../registry/match.js';
import type { Registries } from '../registry/registry.js';

/** How many names an error lists. */
const most = 10;

/** No service of that name. */
export async function noService(
  call: Call,
  registries: Registries,
  name: string,
): Promise<WireError> {
  // The deadline is near, and the error is worth more than the list in it.
  const late = detached(call, 200);
  const all = await findAll(late, registries.services, NetworkService.create()).catch(() => []);
  const names = listed(all.map((service) => service.name).sort());
  return notFound(`network service ${JSON.stringify(name)} is not registered: ${names}`);
}

/** No endpoint of that name. */
export function noSuchEndpoint(name: string): WireError {
  return notFound(`endpoint ${JSON.stringify(name)} is not registered`);
}

/** The service is there, and no endpoint of it that these labels may have. */
export function noEndpoint(
  service: NetworkService,
  endpoints: readonly NetworkServiceEndpoint[],
  labels: Labels,
): WireError {
  const name = JSON.stringify(service.name);
  if (endpoints.length === 0) return notFound(`network service ${name} has no endpoint`);
  const shown = endpoints.map((one) => `${one.name} ${labelText(labelsOf(one, service.name))}`);
  const asked = `no endpoint of network service ${name} for labels ${labelText(labels)}`;
  return notFound(`${asked}: ${listed(shown)}`);
}

/** Nobody who could carry the Request. */
export function noForwarder(
  key: string,
  forwarders: readonly NetworkServiceEndpoint[],
  labels: Labels,
): WireError {
  if (forwarders.length === 0) {
    return notFound(`no forwarder is registered (network service ${JSON.stringify(key)})`);
  }
  const shown = forwarders.map((one) => `${one.name} ${labelText(labelsOf(one, key))}`);
  return notFound(`no forwarder fits labels ${labelText(labels)}: ${listed(shown)}`);
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return `{${pairs.join(', ')}}`;
}

function listed(names: readonly string[]): string {
  if (names.length === 0) return 'none is registered';
  const more = names.length > most ? ` and ${String(names.length - most)} more` : '';
  return `registered: ${names.slice(0, most).join(', ')}${more}`;
}

function notFound(text: string): WireError {
  return new WireError(status.NOT_FOUND, text);
}
