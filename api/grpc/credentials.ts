// SPDX-License-Identifier: Apache-2.0
/** The one place that decides how a connection is secured: the seam where SPIFFE TLS comes in. */
import { ChannelCredentials, ServerCredentials, status } from '@grpc/grpc-js';
import { WireError } from '../errors/wire-error.js';
import { isLocal, type Address } from './address.js';

/** What a client brings to `address`. */
export function credentialsFor(address: Address, insecure: boolean): ChannelCredentials {
  allowPlaintext(address, insecure, 'dial');
  return ChannelCredentials.createInsecure();
}

/** What a server shows at `address`. */
export function serverCredentialsFor(address: Address, insecure: boolean): ServerCredentials {
  allowPlaintext(address, insecure, 'listen on');
  return ServerCredentials.createInsecure();
}

/** Plaintext never leaves the machine, and never without being asked for. */
function allowPlaintext(address: Address, insecure: boolean, verb: string): void {
  if (!insecure) {
    throw new WireError(
      status.FAILED_PRECONDITION,
      `will not ${verb} ${address.url} in plaintext: set WANWIRE_INSECURE=true to allow it on ` +
        'unix sockets and loopback',
    );
  }
  if (!isLocal(address)) {
    throw new WireError(
      status.FAILED_PRECONDITION,
      `will not ${verb} ${address.url} in plaintext: WANWIRE_INSECURE allows it only on unix ` +
        'sockets and loopback addresses (127.0.0.0/8, ::1, localhost)',
    );
  }
}
