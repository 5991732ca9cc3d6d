// SPDX-License-Identifier: Apache-2.0
/** The two sides of a wire, as one Request after another makes them known. */
import { createHash } from 'node:crypto';
import { stateKey } from '../../../api/chain/state.js';
import { invalid } from '../../../api/errors/wire-error.js';
import type { Tunnel } from '../vxlan/tunnel.js';
import type { WantedEnd } from '../../links/end.js';
import type { Place } from '../../namespaces/namespaces.js';

/** `client` is where the Request came from: NSM's src. `endpoint` is where it went: dst. */
export type SideName = 'client' | 'endpoint';

/** Where one end of the wire is to be. */
export interface Socket {
  readonly place: Place;
  /** The interface's name there. */
  readonly name: string;
  /** Who asked for the name, for errors. */
  readonly field: string;
  /** The side is on another node: this is the end that a tunnel goes on from, in the forwarder's own namespace. */
  readonly tunnel?: Tunnel | undefined;
}

/** Set by the mechanism's server element. */
export const clientSocket = stateKey<Socket>('client-socket');
/** Set by the mechanism's client element, from the endpoint's answer. */
export const endpointSocket = stateKey<Socket>('endpoint-socket');

/** One end: where, and what. */
export interface Side extends Socket {
  readonly wanted: WantedEnd;
}

/** A whole wire as it should be: a pure value. */
export interface Wish {
  readonly id: string;
  readonly client: Side;
  readonly endpoint: Side;
}

/** The MACs of both ends: always the same for a connection, locally administered. */
export function macsOf(id: string): Readonly<Record<SideName, string>> {
  const bytes = createHash('sha256').update(id).digest();
  return { client: macText(bytes.subarray(0, 6)), endpoint: macText(bytes.subarray(6, 12)) };
}

function macText(bytes: Buffer): string {
  bytes[0] = ((bytes[0] ?? 0) & 0xfc) | 0x02;
  return bytes.toString('hex').replaceAll(/(..)(?!$)/g, '$1:');
}

/** What an interface of this forwarder is told by. */
export function aliasPrefix(forwarder: string): string {
  return `wanwire:${forwarder}:`;
}

/** The kernel keeps 255 bytes. */
const longestAlias = 255;

/** The alias of both ends of a connection's wire. */
export function aliasOf(forwarder: string, id: string): string {
  const alias = aliasPrefix(forwarder) + id;
  const most = longestAlias - Buffer.byteLength(aliasPrefix(forwarder));
  if (Buffer.byteLength(alias) > longestAlias) {
    throw invalid('connection.id', id, `${String(most)} bytes or fewer at this forwarder`);
  }
  return alias;
}
