// SPDX-License-Identifier: Apache-2.0
/** What an Envoy configuration is made of, as the command line and others give it, and as it is understood. */
import { invalid } from '../../api/errors/wire-error.js';
import { hostPort } from '../../api/site/addresses.js';
import { bytesOf } from '../../api/site/address-bytes.js';
import type { SteeringPolicy } from '../../api/site/types.js';

/** How a connection is put on its class's wire. */
export type Binding = 'device' | 'source' | 'dscp';

/** See the head of this file. Addresses are `HOST:PORT`, `[::1]:PORT`. */
export interface EnvoyOptions {
  /** Names the clusters: `SERVICE|CLASS`. */
  readonly service: string;
  readonly upstream: string;
  readonly policy: SteeringPolicy;
  /** 127.0.0.1:15001 where not given. */
  readonly listen?: string;
  /** By device where not given. */
  readonly by?: Binding;
  /** The pod's wires, as its annotation has them; needed unless it is by DSCP. */
  readonly networkServices?: string;
  /** By source: the address of each class's wire. */
  readonly sources?: Readonly<Record<string, string>>;
  /** Each `HOST:PORT` or `unix:PATH` of a gRPC access-log service, or `file:PATH`. */
  readonly accessLogs?: readonly string[];
  /** Envoy's own administration; none where not given. */
  readonly admin?: string;
  /** A file to which Envoy writes when it gives up on a wire, and when it takes it back. */
  readonly eventLog?: string;
  /** The routes are in this file, which Envoy watches, and not in the configuration. */
  readonly routesFile?: string;
}

/** A host's name or address, and a port. */
export interface Place {
  readonly host: string;
  readonly port: number;
  readonly isAddress: boolean;
}

/** Where requests are logged. */
export type AccessLog =
  | { readonly kind: 'grpc'; readonly place: Place }
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'file'; readonly path: string };

/** `HOST:PORT` of an option; throws what would be right. */
export function placeOf(option: string, text: string): Place {
  const found = hostPort(text, 'names');
  const [, host = '', port] = /^\[?(.*?)\]?:(\d+)$/.exec(found ?? '') ?? [];
  if (found === undefined) {
    throw invalid(
      option,
      text,
      'HOST:PORT such as 10.60.0.9:8000, [fd00:60::9]:8000 or web.example:80',
    );
  }
  return { host, port: Number(port), isAddress: bytesOf(host) !== undefined };
}

/** A place where Envoy itself listens: a name is nothing to listen on. */
export function listenerOf(option: string, text: string): Place {
  const place = placeOf(option, text);
  if (!place.isAddress) throw invalid(option, text, 'ADDRESS:PORT such as 127.0.0.1:15001');
  return place;
}

/** What `--access-log` says. */
export function accessLogOf(text: string): AccessLog {
  const [, scheme, path = ''] = /^(unix|file):(.*)$/.exec(text) ?? [];
  if (scheme !== undefined && !/^\/\P{Cc}+$/u.test(path)) {
    throw invalid(
      '--access-log',
      text,
      `${scheme}: and a path from /, such as ${scheme}:/dev/stdout`,
    );
  }
  if (scheme === 'file') return { kind: 'file', path };
  if (scheme === 'unix') return { kind: 'unix', path };
  return { kind: 'grpc', place: placeOf('--access-log', text) };
}
