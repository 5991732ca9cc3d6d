// SPDX-License-Identifier: Apache-2.0
/**
 * Where endpoints listen, as socket files that are passed on beneath TLS.
 *
 * A registrant in a container has a path that is nobody else's, so NSM sends
 * the file itself (O_PATH) and `inode://DEVICE/INODE` in place of its URL. Where the
 * file has a path here, that is its URL again; where it has none it is
 * held open and dialled as `/proc/PID/fd/N`, until ten minutes after the entry that
 * named it last would have expired: wires may still use it.
 */
import { closeSync, fstatSync, openSync, readlinkSync, statSync } from 'node:fs';
import { timestampMs } from '../chain/connection.js';
import type { Clock } from '../chain/clock.js';
import { invalid } from '../errors/wire-error.js';
import { fileKey } from '../fdpass/received.js';
import { inodeOf, inodeUrl, takeFile, type TakeOptions } from '../fdpass/take-file.js';
import type { NetworkServiceEndpoint } from '../gen/registry.js';
import { parseAddress } from '../grpc/address.js';

/** Linux's O_PATH: for dialling, the file is not opened. Node has no name for it. */
const O_PATH = 0x20_0000;
/** How long a file is held whose entry has expired or says nothing of that. */
const lingerMs = 600_000;
/** Far more than one machine's endpoints. */
const mostHeld = 4_096;

interface Held {
  readonly fd: number;
  untilMs: number;
}

/** See the head of this file. Disposing it closes what is held. */
export class SocketFiles implements Disposable {
  readonly #held = new Map<string, Held>();

  /** How many are held open. */
  get size(): number {
    return this.#held.size;
  }

  /** The entry with a URL that can be dialled here; as it is where that is so already, or where the file did not come. */
  async received<T extends NetworkServiceEndpoint>(entry: T, from: TakeOptions): Promise<T> {
    if (inodeOf(entry.url) === undefined) return entry;
    const fd = await takeFile(from, entry.url);
    if (fd === undefined) return entry;
    if (!fstatSync(fd).isSocket()) {
      closeSync(fd);
      throw invalid('url', entry.url, "the file of an endpoint's unix socket");
    }
    const path = pathOf(fd);
    if (path !== undefined) {
      closeSync(fd);
      return { ...entry, url: `unix://${path}` };
    }
    const { expirationTime } = entry;
    const expiresMs = expirationTime === undefined ? 0 : timestampMs(expirationTime);
    const held = this.#hold(fd, Math.max(expiresMs, from.clock.now()) + lingerMs, from.clock);
    return { ...entry, url: `unix:///proc/${String(process.pid)}/fd/${String(held)}` };
  }

  [Symbol.dispose](): void {
    for (const { fd } of this.#held.values()) closeSync(fd);
    this.#held.clear();
  }

  #hold(fd: number, untilMs: number, clock: Clock): number {
    const key = fileKey(fd);
    const before = this.#held.get(key);
    if (before !== undefined) {
      closeSync(fd);
      before.untilMs = Math.max(before.untilMs, untilMs);
      return before.fd;
    }
    for (const [old, held] of this.#held) {
      if (held.untilMs > clock.now() && this.#held.size < mostHeld) continue;
      closeSync(held.fd);
      this.#held.delete(old);
    }
    this.#held.set(key, { fd, untilMs });
    return fd;
  }
}

/** The entry as it goes beneath TLS over a unix socket, with its descriptor, which is the caller's to close. */
export function toSend(entry: NetworkServiceEndpoint): {
  readonly entry: NetworkServiceEndpoint;
  readonly fd: number | undefined;
} {
  const fd = entry.url.startsWith('unix:') ? openSocket(entry.url) : undefined;
  return { entry: fd === undefined ? entry : { ...entry, url: inodeUrl(fd) }, fd };
}

function openSocket(url: string): number | undefined {
  try {
    const address = parseAddress(url);
    return address.kind === 'unix' ? openSync(address.path, O_PATH) : undefined;
  } catch {
    return undefined; // not ours, or gone: whoever dials it will say so
  }
}

/** The path under which this very file is found here. */
function pathOf(fd: number): string | undefined {
  try {
    const path = readlinkSync(`/proc/self/fd/${String(fd)}`);
    parseAddress(`unix://${path}`);
    const { dev, ino } = statSync(path, { bigint: true });
    return `${String(dev)}/${String(ino)}` === fileKey(fd) ? path : undefined;
  } catch {
    return undefined;
  }
}
