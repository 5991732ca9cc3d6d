// SPDX-License-Identifier: Apache-2.0
/** The one place that decides how a connection is secured: the seam where SPIFFE TLS comes in. */
import { ChannelCredentials, ServerCredentials, status } from '@grpc/grpc-js';
import { WireError } from '../errors/wire-error.js';
import type { Logger } from '../log/log.js';
import { isLocal, placeOf, type Address } from './address.js';

/** What may go in plaintext. */
export interface PlaintextOptions {
  /** Allow it on unix sockets and loopback (`WANWIRE_INSECURE`), and where `allowed` says so. */
  readonly insecure: boolean;
  /** Whether it is a control address of a site, `host:port` as `placeOf` spells it. */
  readonly allowed?: (hostPort: string) => boolean;
  readonly log: Logger;
}

/** How one process's connections are secured. */
export interface Credentials {
  /** What a client brings to `address`; FAILED_PRECONDITION where it must not be dialled. */
  toDial(address: Address): ChannelCredentials;
  /** What a server shows at `address`; FAILED_PRECONDITION where it must not listen there. */
  toListen(address: Address): ServerCredentials;
}

/** Plaintext leaves the machine only between control addresses of sites, never without being asked for, and never unsaid. */
export function credentials(options: PlaintextOptions): Credentials {
  const { insecure, allowed, log } = options;
  const warned = new Set<string>();
  const check = (address: Address, verb: string): void => {
    if (!insecure) throw refused(address, verb, notAsked);
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
      return ServerCredentials.createInsecure();
    },
  };
}

const notAsked =
  'set WANWIRE_INSECURE=true to allow it on unix sockets and loopback, ' +
  'and on control addresses of the site file (WANWIRE_SITE_FILE)';
const notListed =
  'WANWIRE_INSECURE allows it only on unix sockets and loopback addresses (127.0.0.0/8, ::1, ' +
  'localhost), and on control addresses of the site file (WANWIRE_SITE_FILE): a peer is dialled ' +
  'at spec.peers[].control, and spec.control is listened on';

function refused(address: Address, verb: string, why: string): WireError {
  const text = `will not ${verb} ${address.url} in plaintext: ${why}`;
  return new WireError(status.FAILED_PRECONDITION, text);
}
