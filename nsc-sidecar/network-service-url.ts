// SPDX-License-Identifier: Apache-2.0
/**
 * What NSM_NETWORK_SERVICES and the annotation `networkservicemesh.io` say:
 * `kernel://SERVICE[@DOMAIN][/INTERFACE][?label=value&...]`, several of them
 * split at commas. A mistake names the entry, the value and what would be right.
 */
import { interfaceNameFault } from '../api/elements/kernel-mechanism.js';
import { variable } from '../api/env/table.js';

/** One wire that is wished for. */
export interface NetworkServiceUrl {
  /** As it was written. */
  readonly url: string;
  /** The mechanism's type as the wire writes it. */
  readonly mechanism: 'KERNEL';
  /** `service` or `service@domain`. */
  readonly service: string;
  /** The interface to be made; chosen by the client where it is not given. */
  readonly interfaceName?: string;
  /** The request's labels; the values of a repeated one are joined by commas. */
  readonly labels: Readonly<Record<string, string>>;
}

/** What a right list looks like. */
export const shape =
  'a comma list of kernel://SERVICE[@DOMAIN][/INTERFACE][?label=value&...] such as kernel://hello/nsm-1?app=blue';

const parts = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?(#.*)?$/i;
/** NSM has them, we have no interface of that kind. */
const others = new Set(['memif', 'vfio', 'vxlan', 'wireguard', 'ipsec', 'vlan', 'noop']);

/** One entry; throws an Error that says what is wrong with which part. */
export function parseNetworkServiceUrl(url: string): NetworkServiceUrl {
  const found = parts.exec(url);
  if (found === null) {
    throw new Error(
      `${JSON.stringify(url)} is no kernel://SERVICE/INTERFACE?label=value (a comma inside a value is written %2C)`,
    );
  }
  const [, scheme = '', host = '', path = '', query = '', fragment] = found;
  if (fragment !== undefined) throw new Error('a "#" is written %23');
  checkScheme(scheme.toLowerCase());
  const interfaceName = decoded('interface name', path);
  const fault = interfaceName === '' ? undefined : interfaceNameFault(interfaceName);
  if (fault !== undefined) {
    throw new Error(
      `interface name ${JSON.stringify(interfaceName)} ${fault}: want 1 to 15 letters, digits, "-", "_" or "."`,
    );
  }
  return {
    url,
    mechanism: 'KERNEL',
    service: serviceOf(host),
    ...(interfaceName === '' ? {} : { interfaceName }),
    labels: labelsOf(query),
  };
}

/** A list; throws one Error with the mistakes of all its entries. */
export function parseNetworkServiceUrls(text: string): readonly NetworkServiceUrl[] {
  const mistakes: string[] = [];
  const wishes: NetworkServiceUrl[] = [];
  const positions = new Map<string, number>();
  for (const [at, url] of text.split(',').entries()) {
    try {
      const wish = parseNetworkServiceUrl(url.trim());
      const name = wish.interfaceName;
      const first = name === undefined ? undefined : positions.get(name);
      if (name !== undefined && first !== undefined) {
        throw new Error(
          `interface name ${JSON.stringify(name)} is that of entry ${String(first)}: want another`,
        );
      }
      if (name !== undefined) positions.set(name, at + 1);
      wishes.push(wish);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      mistakes.push(`entry ${String(at + 1)}: ${reason}`);
    }
  }
  if (mistakes.length > 0) throw new Error(mistakes.join('; '));
  return wishes;
}

/** A kind of variable for `config.ts`. */
export const networkServices = variable(shape, parseNetworkServiceUrls);

function checkScheme(scheme: string): void {
  if (scheme === 'kernel') return;
  const what = others.has(scheme)
    ? 'is a mechanism of NSM that this client has no interface for'
    : 'is no mechanism';
  throw new Error(`scheme ${JSON.stringify(scheme)} ${what}: want kernel`);
}

function serviceOf(host: string): string {
  const service = decoded('network service', host);
  if (service === '') throw new Error('network service is empty: want kernel://SERVICE');
  const wrong = /[\s:]|[^\x21-\x7e]/u.exec(service)?.[0];
  if (wrong !== undefined) {
    throw new Error(
      `network service ${JSON.stringify(service)} contains ${JSON.stringify(wrong)}: want a name such as hello or hello@domain`,
    );
  }
  const [name, domain, ...rest] = service.split('@');
  if (name === '' || domain === '' || rest.length > 0) {
    throw new Error(`network service ${JSON.stringify(service)}: want NAME or NAME@DOMAIN`);
  }
  return service;
}

function labelsOf(query: string): Record<string, string> {
  const labels = new Map<string, string>();
  for (const pair of query.split('&').filter((item) => item !== '')) {
    const at = pair.includes('=') ? pair.indexOf('=') : pair.length;
    const key = decoded('label', pair.slice(0, at).replaceAll('+', ' '));
    const value = decoded('label', pair.slice(at + 1).replaceAll('+', ' '));
    if (key === '') throw new Error(`label ${JSON.stringify(pair)} has no name: want label=value`);
    if (key === 'sriovToken') {
      throw new Error('label "sriovToken": this client has no SR-IOV; leave it out');
    }
    const before = labels.get(key);
    labels.set(key, before === undefined ? value : `${before},${value}`);
  }
  return Object.fromEntries(labels);
}

function decoded(what: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error(`${what} ${JSON.stringify(text)}: a "%" is written %25`);
  }
}
