// SPDX-License-Identifier: Apache-2.0
/** Where to dial and where to listen: `unix:///path` and `tcp://host:port`. */
import { parseList } from './list.js';
import { variable } from './table.js';

/** sun_path holds 108 bytes, the last of them zero. */
const longestPath = 107;
const hostPort = /^(?:\[([0-9A-Fa-f:.]+(?:%\w+)?)\]|([\w.-]*)):(\d+)$/;

/** A URL to dial, checked. `host:port` alone is a TCP one, as NSM's manifests write it. */
export function parseUrl(value: string): string {
  return checked(value, { toListen: false });
}

function checked(value: string, { toListen }: { readonly toListen: boolean }): string {
  const unix = /^unix:(.*)$/.exec(value)?.[1];
  if (unix !== undefined) return checkedUnix(value, unix);
  const [, scheme, rest = value] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/i.exec(value) ?? [];
  if (scheme !== undefined && scheme !== 'tcp') throw new Error(`has the scheme ${scheme}`);
  const found = hostPort.exec(rest);
  if (found === null) throw new Error(`has no host:port in ${JSON.stringify(rest)}`);
  const port = Number(found[3]);
  const host = found[1] ?? found[2] ?? '';
  if (port > 65535) throw new Error(`has port ${String(port)}, above 65535`);
  if (!toListen && port === 0) throw new Error('has port 0, which nobody listens on');
  if (!toListen && host === '') throw new Error('has no host');
  return `tcp://${rest}`;
}

function checkedUnix(value: string, rest: string): string {
  if (!rest.startsWith('///')) {
    throw new Error('is not absolute: a socket URL has three slashes, unix:///path');
  }
  const bytes = Buffer.byteLength(rest.slice(2));
  if (rest.endsWith('/')) throw new Error('is a folder, not a socket');
  if (bytes > longestPath) {
    throw new Error(
      `has a path of ${String(bytes)} bytes, more than a socket's ${String(longestPath)}`,
    );
  }
  return value;
}

/** One place to dial. */
export const url = variable('unix:///path or tcp://host:port', parseUrl);

/** One or more places to listen on; port 0 takes a free one. */
export const listenUrls = variable(
  'a comma list of unix:///path and tcp://[address]:port',
  (value): readonly string[] => {
    const urls = parseList(value).map((item) => checked(item, { toListen: true }));
    if (urls.length === 0) throw new Error('names no place');
    if (new Set(urls).size < urls.length) throw new Error('names a place twice');
    return urls;
  },
);

/** A unix socket to listen on. */
export const unixUrl = variable('unix:///path', (value): string => {
  if (!value.startsWith('unix:')) throw new Error('is no unix socket');
  return parseUrl(value);
});
