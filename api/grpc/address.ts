// SPDX-License-Identifier: Apache-2.0
/**
 * Where a server listens and a client dials: `unix:///path` or `tcp://host:port`;
 * a client also takes `tcp://host:port,host:port`, one peer with several addresses.
 */
import { isIP } from 'node:net';
import { invalid } from '../errors/wire-error.js';

/** A URL taken apart. */
export type Address =
  | { readonly kind: 'unix'; readonly url: string; readonly path: string }
  | { readonly kind: 'tcp'; readonly url: string; readonly host: string; readonly port: number };

/** What `struct sockaddr_un` has room for, less the final zero. */
const longestPath = 107;
const wanted = 'unix:///path or tcp://host:port';
/** More than any site has links. */
const mostAddresses = 16;
const tcp = /^tcp:\/\/(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]*)):([0-9]{1,5})$/;

/** Take a URL apart; INVALID_ARGUMENT naming `field` where it is neither kind. */
export function parseAddress(url: string, field = 'url'): Address {
  if (url.startsWith('unix:')) return unixAddress(url, field);
  const [, six, other, digits] = tcp.exec(url) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) throw invalid(field, url, wanted);
  if (six !== undefined && isIP(six) !== 6) throw invalid(field, url, wanted);
  return { kind: 'tcp', url, host: six ?? other ?? '', port };
}

/** As {@link parseAddress}; a comma list of `host:port` is one address each, in order, none twice. */
export function parseAddresses(url: string, field = 'url'): readonly [Address, ...Address[]] {
  if (!url.startsWith('tcp://') || !url.includes(',')) return [parseAddress(url, field)];
  const parts = url.slice('tcp://'.length).split(',');
  if (parts.length > mostAddresses) {
    throw invalid(field, url.slice(0, 256), `at most ${String(mostAddresses)} addresses`);
  }
  const [first, ...others] = [...new Set(parts)].map((part) =>
    parseAddress(`tcp://${part}`, field),
  );
  if (first === undefined) throw invalid(field, url, wanted);
  return [first, ...others];
}

/** The URL of a peer that is reached at any of these `host:port`. */
export function peerUrl(control: readonly string[]): string {
  return `tcp://${control.join(',')}`;
}

/** `host:port` in one spelling, to compare by; the path of a unix socket. */
export function placeOf(address: Address): string {
  if (address.kind === 'unix') return address.path;
  const { host, port } = address;
  const usual = isIP(host) === 6 ? `[${new URL(`tcp://[${host}]`).hostname.slice(1, -1)}]` : host;
  return `${usual.toLowerCase()}:${String(port)}`;
}

function unixAddress(url: string, field: string): Address {
  const path = url.slice('unix:'.length).replace(/^\/\/(?=\/)/, '');
  if (!/^\/[^/]/.test(path) || path.includes('\0')) throw invalid(field, url, wanted);
  if (Buffer.byteLength(path) > longestPath) {
    throw invalid(field, url, `a socket path of at most ${String(longestPath)} bytes`);
  }
  return { kind: 'unix', url, path };
}

/** The same address as grpc-js writes it. */
export function grpcTarget(address: Address): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  const host = isIP(address.host) === 6 ? `[${address.host}]` : address.host;
  return `${host}:${String(address.port)}`;
}

/** Whether nobody but this machine can be at the other end. */
export function isLocal(address: Address): boolean {
  if (address.kind === 'unix') return true;
  const { host } = address;
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
