// SPDX-License-Identifier: Apache-2.0
/** Files by URL, as NSM has them on the wire: `inode://DEVICE/INODE`, the descriptor beneath TLS. */
import type { Clock } from '../chain/clock.js';
import { Deadline } from '../chain/deadline.js';
import type { Inode, Peer } from '../chain/peer.js';
import type { Logger } from '../log/log.js';
import { fileKey } from './received.js';

/** How long a file is waited for: it was to come before the call or the answer that names it. */
const waitMs = 250;

/** `inode://DEVICE/INODE` taken apart; nothing where it is something else. */
export function inodeOf(url: string | undefined): Inode | undefined {
  const [, dev, ino] = /^inode:\/\/(\d{1,20})\/(\d{1,20})$/.exec(url ?? '') ?? [];
  return dev === undefined || ino === undefined
    ? undefined
    : { dev: BigInt(dev), ino: BigInt(ino) };
}

/** The URL of an open file. */
export function inodeUrl(fd: number): string {
  return `inode://${fileKey(fd)}`;
}

/** Whose file, and until when it is worth waiting. */
export interface TakeOptions {
  readonly peer?: Peer | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** What the peer has sent under that URL, the caller's to close; nothing where it does not come within a quarter of a second. */
export async function takeFile(options: TakeOptions, url: string): Promise<number | undefined> {
  const { peer, clock, signal, log } = options;
  const inode = inodeOf(url);
  if (inode === undefined || peer?.descriptors === undefined) return undefined;
  using soon = new Deadline(clock, waitMs, signal);
  try {
    return await peer.descriptors.take(inode, soon.signal);
  } catch (err) {
    log.debug({ url, peer: peer.id, err }, 'a descriptor did not come: done without');
    return undefined;
  }
}
