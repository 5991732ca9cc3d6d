// SPDX-License-Identifier: Apache-2.0
/**
 * What NSM_NETWORK_SERVICES and the annotation `networkservicemesh.io` say:
 * `kernel://SERVICE[@DOMAIN][/INTERFACE][?label=value&...]`, several of them
 * split at commas. A mistake names the entry, the value and what would be right.
 */
import { interfaceNameFault } from '../elements/kernel-mechanism.js';
import { variable } from '../env/table.js';

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

/** What is wrong with one entry of a list. */
export interface UrlMistake {
  /** Where in the whole text, in characters from 1. */
  readonly character: number;
  /** Which entry, from 1. */
  readonly entry: number;
  /** What is wrong, with the value and what would be right. */
  readonly text: string;
}

/** A list that was read. */
export interface UrlList {
  readonly urls: readonly NetworkServiceUrl[];
  readonly mistakes: readonly UrlMistake[];
}

/** What a right list looks like. */
export const shape =
  'a comma list of kernel://SERVICE[@DOMAIN][/INTERFACE][?label=value&...] such as kernel://hello/nsm-1?app=blue';

const parts = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?(#.*)?$/di;
/** NSM has them, we have no interface of that kind. */
const others = new Set(['memif', 'vfio', 'vxlan', 'wireguard', 'ipsec', 'vlan', 'noop']);

/** Tells also where in its text an entry is wrong. */
class UrlError extends Error {
  override readonly name: string = 'UrlError';
  /** In UTF-16 units from 0. */
  readonly at: number;

  constructor(at: number, text: string) {
    super(text);
    this.at = at;
  }
}

/** A part of an entry, and where it begins. */
interface Part {
  readonly at: number;
  readonly text: string;
}

/** One entry; throws an Error that says what is wrong with which part. */
export function parseNetworkServiceUrl(url: string): NetworkServiceUrl {
  const found = parts.exec(url);
  if (found === null) {
    throw new UrlError(
      0,
      `${JSON.stringify(url)} is no kernel://SERVICE/INTERFACE?label=value (a comma inside a value is written %2C)`,
    );
  }
  const part = (group: number): Part => ({
    at: found.indices?.[group]?.[0] ?? url.length,
    text: found[group] ?? '',
  });
  if (found[5] !== undefined) throw new UrlError(part(5).at, 'a "#" is written %23');
  checkScheme(found[1]?.toLowerCase() ?? '');
  const path = part(3);
  const interfaceName = decoded('interface name', path);
  const fault = interfaceName === '' ? undefined : interfaceNameFault(interfaceName);
  if (fault !== undefined) {
    throw new UrlError(
      path.at,
      `interface name ${JSON.stringify(interfaceName)} ${fault}: want 1 to 15 letters, digits, "-", "_" or "."`,
    );
  }
  return {
    url,
    mechanism: 'KERNEL',
    service: serviceOf(part(2)),
    ...(interfaceName === '' ? {} : { interfaceName }),
    labels: labelsOf(part(4)),
  };
}

/** A list, with the mistakes of all its entries. */
export function readNetworkServiceUrls(text: string): UrlList {
  const urls: NetworkServiceUrl[] = [];
  const mistakes: UrlMistake[] = [];
  const named = new Map<string, number>();
  let from = 0;
  for (const [at, raw] of text.split(',').entries()) {
    const entry = at + 1;
    const url = raw.trim();
    const start = from + (url === '' ? 0 : raw.indexOf(url));
    from += raw.length + 1;
    try {
      const wish = parseNetworkServiceUrl(url);
      const name = wish.interfaceName;
      const first = name === undefined ? undefined : named.get(name);
      if (name !== undefined && first !== undefined) {
        throw new UrlError(
          parts.exec(url)?.indices?.[3]?.[0] ?? 0,
          `interface name ${JSON.stringify(name)} is that of entry ${String(first)}: want another`,
        );
      }
      if (name !== undefined) named.set(name, entry);
      urls.push(wish);
    } catch (reason) {
      if (!(reason instanceof UrlError)) throw reason;
      const character = Array.from(text.slice(0, start + reason.at)).length + 1;
      mistakes.push({ character, entry, text: reason.message });
    }
  }
  return { urls, mistakes };
}

/** A list; throws one Error with the mistakes of all its entries. */
export function parseNetworkServiceUrls(text: string): readonly NetworkServiceUrl[] {
  const { urls, mistakes } = readNetworkServiceUrls(text);
  if (mistakes.length === 0) return urls;
  throw new Error(mistakes.map((one) => `entry ${String(one.entry)}: ${one.text}`).join('; '));
}

/** What is wrong with the value of an annotation, a line for each mistake; nothing where it is right. */
export function annotationMistakes(annotation: string, value: string): string | undefined {
  const { mistakes } = readNetworkServiceUrls(value);
  if (mistakes.length === 0) return undefined;
  return mistakes
    .map(
      ({ character, entry, text }) =>
        `${annotation}: character ${String(character)}, entry ${String(entry)}: ${text}`,
    )
    .join('\n');
}

/** A kind of variable for `config.ts`. */
export const networkServices = variable(shape, parseNetworkServiceUrls);

function checkScheme(scheme: string): void {
  if (scheme === 'kernel') return;
  const what = others.has(scheme)
    ? 'is a mechanism of NSM that this client has no interface for'
    : 'is no mechanism';
  throw new UrlError(0, `scheme ${JSON.stringify(scheme)} ${what}: want kernel`);
}

function serviceOf(host: Part): string {
  const service = decoded('network service', host);
  if (service === '')
    throw new UrlError(host.at, 'network service is empty: want kernel://SERVICE');
  const wrong = /[\s:]|[^\x21-\x7e]/u.exec(service)?.[0];
  if (wrong !== undefined) {
    throw new UrlError(
      host.at,
      `network service ${JSON.stringify(service)} contains ${JSON.stringify(wrong)}: want a name such as hello or hello@domain`,
    );
  }
  const [name, domain, ...rest] = service.split('@');
  if (name === '' || domain === '' || rest.length > 0) {
    throw new UrlError(
      host.at,
      `network service ${JSON.stringify(service)}: want NAME or NAME@DOMAIN`,
    );
  }
  return service;
}

function labelsOf(query: Part): Record<string, string> {
  const labels = new Map<string, string>();
  let from = query.at;
  for (const pair of query.text.split('&')) {
    const at = from;
    from += pair.length + 1;
    if (pair === '') continue;
    const sign = pair.includes('=') ? pair.indexOf('=') : pair.length;
    const key = decoded('label', { at, text: pair.slice(0, sign).replaceAll('+', ' ') });
    const value = decoded('label', {
      at: at + sign + 1,
      text: pair.slice(sign + 1).replaceAll('+', ' '),
    });
    if (key === '') {
      throw new UrlError(at, `label ${JSON.stringify(pair)} has no name: want label=value`);
    }
    if (key === 'sriovToken') {
      throw new UrlError(at, 'label "sriovToken": this client has no SR-IOV; leave it out');
    }
    const before = labels.get(key);
    labels.set(key, before === undefined ? value : `${before},${value}`);
  }
  return Object.fromEntries(labels);
}

function decoded(what: string, { at, text }: Part): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new UrlError(at, `${what} ${JSON.stringify(text)}: a "%" is written %25`);
  }
}
