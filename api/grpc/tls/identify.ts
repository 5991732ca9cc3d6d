// SPDX-License-Identifier: Apache-2.0
/** Who is at the other end once the handshake is over, and what went wrong where it was not. */
import { status } from '@grpc/grpc-js';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import { WireError } from '../../errors/wire-error.js';
import { toleranceMs, verifyChain, type Verified } from '../../identity/verify-chain.js';
import type { Bundles } from '../../identity/types.js';
import { tlsWords } from './context.js';

/** A peer's proof. */
export interface Shown extends Verified {
  /** DER, the leaf first. */
  readonly chain: readonly Buffer[];
}

/** Refuse whoever is not to be talked to; UNAUTHENTICATED, saying which check failed. */
export function identify(socket: TLSSocket, bundles: Bundles, nowMs: number): Shown {
  if (socket.alpnProtocol !== tlsWords.alpn) {
    const got = socket.alpnProtocol === false ? 'nothing' : JSON.stringify(socket.alpnProtocol);
    throw refused(`the peer agreed on ${got} as its protocol (ALPN): want ${tlsWords.alpn}`);
  }
  const chain = chainOf(socket);
  const verified = verifyChain(chain, bundles, nowMs);
  // A code, whatever Node's types say.
  const { authorizationError: problem } = socket as unknown as { authorizationError?: string };
  if (problem && !isNearly(problem, verified, nowMs)) {
    throw refused(`${verified.id}: its certificate is not accepted: ${problem}`);
  }
  return { ...verified, chain };
}

/**
 * OpenSSL checks what `verifyChain` does not (path lengths, usages, constraints), and by the second;
 * where the clocks are apart no more than `verifyChain` allows, its word about time does not count.
 */
function isNearly(problem: string, { notAfterMs }: Verified, nowMs: number): boolean {
  if (/CERT_NOT_YET_VALID/.test(problem)) return true;
  return /CERT_HAS_EXPIRED/.test(problem) && nowMs <= notAfterMs + toleranceMs;
}

/** `getPeerX509Certificate` must not be called: it takes certificates out of OpenSSL's chain (nodejs/node#65579). */
function chainOf(socket: TLSSocket): readonly Buffer[] {
  const chain: Buffer[] = [];
  let next: Partial<DetailedPeerCertificate> | undefined = socket.getPeerCertificate(true);
  // The last one is its own issuer.
  while (next?.raw !== undefined && !chain.some((one) => one.equals(next?.raw ?? one))) {
    chain.push(next.raw);
    next = next.issuerCertificate;
  }
  return chain;
}

/** What a failed handshake means, for whoever has to mend it; `whose` is such as `the peer`, and it had `withinMs`. */
export function handshakeTrouble(reason: unknown, whose: string, withinMs: number): string {
  const { code, message } = reason as { code?: unknown; message?: unknown };
  const text = typeof message === 'string' ? message : String(reason);
  switch (code) {
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_HTTP_REQUEST':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
    case 'ERR_SSL_UNKNOWN_PROTOCOL':
    case 'ERR_SSL_UNEXPECTED_MESSAGE':
      return `${whose} does not speak TLS: does it run with WANWIRE_INSECURE=true, which talks plaintext?`;
    case 'ERR_SSL_UNSUPPORTED_PROTOCOL':
    case 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION':
      return `${whose} knows no TLS that is taken here: want 1.2 or later`;
    case 'ERR_SSL_NO_APPLICATION_PROTOCOL':
    case 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL':
      return `${whose} does not offer ${tlsWords.alpn} as its protocol (ALPN), so it is no gRPC`;
    case 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED':
    case 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE':
      return `${whose} wants a certificate, and got none`;
    case 'ERR_TLS_HANDSHAKE_TIMEOUT':
      return `${whose} did not end its TLS handshake within ${String(withinMs)} ms`;
    case 'ECONNRESET':
    case 'EPIPE':
      return `${whose} left during the TLS handshake`;
    default:
      return /alert/i.test(text)
        ? `${whose} refused the TLS handshake: ${text}`
        : `TLS with ${whose} failed: ${text}`;
  }
}

function refused(text: string): WireError {
  return new WireError(status.UNAUTHENTICATED, text);
}
