// SPDX-License-Identifier: Apache-2.0
/** The one place that decides how a connection is secured: with TLS and SPIFFE identities, or, for development, not at all. */
import { ChannelCredentials, status } from '@grpc/grpc-js';
import { systemClock, type Clock } from '../chain/clock.js';
import { WireError } from '../errors/wire-error.js';
import type { Security } from '../identity/security.js';
import type { Logger } from '../log/log.js';
import { isLocal, placeOf, type Address } from './address.js';
import { Connections, type TlsSurroundings } from './tls/connections.js';
import { tlsWords } from './tls/context.js';
import { SpiffeCredentials } from './tls/tls-client.js';

/** How connections are secured. */
export interface SecurityOptions {
  /** Where it is none: plaintext on unix sockets and loopback, and where `allowed` says so. */
  readonly security: Security;
  /** Whether it is a control address of a site, `host:port` as `placeOf` spells it. */
  readonly allowed?: (hostPort: string) => boolean;
  readonly log: Logger;
  readonly clock?: Clock;
  /** No TLS handshake takes longer, in milliseconds; 15,000 on unix sockets and 5,000 elsewhere where not given. */
  readonly handshakeMs?: number;
}

/** How one process's connections are secured. Disposing it listens to its identity no more. */
export interface Credentials extends Disposable {
  /** What a client brings to `address`; FAILED_PRECONDITION where it must not be dialled. */
  toDial(address: Address): ChannelCredentials;
  /** What a server at `address` makes its connections secure with, nothing for plaintext; FAILED_PRECONDITION where it must not listen there. */
  toListen(address: Address): TlsSurroundings | undefined;
  /** Told when what clients bring is another: connections are to be made anew. */
  onRenewed(listener: () => void): void;
}

/** As `security` has it. */
export function credentials(options: SecurityOptions): Credentials {
  const { security, log, clock = systemClock } = options;
  if (security.kind === 'insecure') return plaintext(options);
  const { source, tokenLifetimeMs } = security;
  const around: TlsSurroundings = {
    ...{ source, tokenLifetimeMs, log, clock },
    handshakeMs: (isUnix) =>
      options.handshakeMs ?? (isUnix ? tlsWords.localHandshakeMs : tlsWords.handshakeMs),
  };
  const renewed = new Set<() => void>();
  let dialled: Connections | undefined;
  const connections = (): Connections =>
    (dialled ??= new Connections(around, () => {
      for (const listener of [...renewed]) listener();
    }));
  return {
    toDial: () => new SpiffeCredentials(around, connections()),
    toListen: () => around,
    onRenewed(listener) {
      renewed.add(listener);
    },
    [Symbol.dispose]() {
      dialled?.[Symbol.dispose]();
    },
  };
}

/** Plaintext leaves the machine only between control addresses of sites, never without being asked for, and never unsaid. */
function plaintext(options: SecurityOptions): Credentials {
  const { allowed, log } = options;
  const warned = new Set<string>();
  const check = (address: Address, verb: string): void => {
    if (isLocal(address)) return;
    const place = placeOf(address);
    if (allowed?.(place) !== true) throw refused(address, verb, notListed);
    if (warned.has(place)) return;
    warned.add(place);
    log.warn({ address: place }, 'WANWIRE_INSECURE: talking to another site in plaintext');
  };
  return {
    toDial(address) {
      check(address, 'dial');
      return ChannelCredentials.createInsecure();
    },
    toListen(address) {
      check(address, 'listen on');
      return undefined;
    },
    onRenewed: () => undefined,
    [Symbol.dispose]: () => undefined,
  };
}

const notListed =
  'WANWIRE_INSECURE allows it only on unix sockets and loopback addresses (127.0.0.0/8, ::1, ' +
  'localhost), and on control addresses of the site file (WANWIRE_SITE_FILE): a peer is dialled ' +
  'at spec.peers[].control, and spec.control is listened on';

function refused(address: Address, verb: string, why: string): WireError {
  const text = `will not ${verb} ${address.url} in plaintext: ${why}`;
  return new WireError(status.FAILED_PRECONDITION, text);
}
