// SPDX-License-Identifier: Apache-2.0
/**
 * Finds network namespaces by the URL of a KERNEL mechanism's `inodeURL`:
 * `inode://DEVICE/INODE` among the processes of this machine, `file:///PATH` itself.
 *
 * One whose descriptor a call has brought is found by that, while the call
 * lasts. Nothing is held: a found place is a path that is compared with its device
 * and inode when it is opened, because a pid may be another process's by then.
 */
import { status } from '@grpc/grpc-js';
import { statSync, type BigIntStats } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { constants } from 'node:os';
import { KernelError } from '../../api/errors/kernel-error.js';
import { invalid, WireError } from '../../api/errors/wire-error.js';
import { Netns, type NetnsId } from '../../bpf/netns/netns.js';

/** A namespace and where it was last seen. */
export interface Place {
  readonly id: NetnsId;
  readonly path: string;
}

/** The one text for a namespace, for maps and messages. */
export function placeKey({ dev, ino }: NetnsId): string {
  return `inode://${dev.toString()}/${ino.toString()}`;
}

const wanted =
  "inode://DEVICE/INODE in decimal (stat of the client's /proc/self/ns/net) or file:///proc/PID/ns/net";
const { EINVAL, ENOENT, ESRCH, ESTALE } = constants.errno;

/** Who can look for a place again. */
const finders = new WeakMap<Place, Namespaces>();
/** More calls than a forwarder has at a time. */
const mostLent = 4_096;

/** How many processes are looked at before others get a turn. */
const slice = 64;

/** See the head of this file. */
export class Namespaces {
  readonly #proc: string;
  readonly #paths = new Map<string, string>();
  /** Descriptors that calls have; the path of one that is closed is another's, or nobody's. */
  readonly #lent = new Map<string, string>();
  #scan: Promise<void> | undefined;

  constructor(proc = '/proc') {
    this.#proc = proc;
  }

  /** The namespace of this process. */
  home(): Place {
    const path = `${this.#proc}/${String(process.pid)}/ns/net`;
    const { dev, ino } = statSync(path, { bigint: true });
    return { id: { dev, ino }, path };
  }

  /** A call has this namespace open: it can be found there until that is closed. */
  lend(fd: number): void {
    const path = `${this.#proc}/self/fd/${String(fd)}`;
    const stats = look(path);
    if (stats === undefined) return;
    if (this.#lent.size >= mostLent) this.#lent.clear();
    this.#lent.set(placeKey(stats), path);
  }

  /** Where a URL's namespace was seen last, and still is; nothing where it would have to be looked for. */
  known(url: string): string | undefined {
    const [, dev, ino] = /^inode:\/\/(\d{1,20})\/(\d{1,20})$/.exec(url) ?? [];
    if (dev === undefined || ino === undefined) return undefined;
    const id = { dev: BigInt(dev), ino: BigInt(ino) };
    const paths = [this.#lentPath(id), this.#paths.get(placeKey(id))];
    return paths.find((path) => path !== undefined && isAt(path, id));
  }

  /** The place a URL names; INVALID_ARGUMENT or NOT_FOUND, naming `field`, where it names none. */
  async find(url: string, field: string): Promise<Place> {
    const [, dev, ino] = /^inode:\/\/(\d{1,20})\/(\d{1,20})$/.exec(url) ?? [];
    if (dev !== undefined && ino !== undefined) {
      return this.byId({ dev: BigInt(dev), ino: BigInt(ino) }, field);
    }
    const path = pathOf(url);
    if (path === undefined) throw invalid(field, url, wanted);
    return this.#byPath(path, url, field);
  }

  /** The place with that identity; `hint` is where it was seen last. */
  async byId(id: NetnsId, field: string, hint?: string): Promise<Place> {
    const key = placeKey(id);
    for (const path of [this.#paths.get(key), hint, this.#lentPath(id)]) {
      if (path !== undefined && isAt(path, id)) return this.#place(id, path);
    }
    await (this.#scan ??= this.#look().finally(() => (this.#scan = undefined)));
    const path = this.#paths.get(key);
    if (path !== undefined && isAt(path, id)) return this.#place(id, path);
    this.#paths.delete(key);
    throw new WireError(
      status.NOT_FOUND,
      `${field}: ${key}: no process has this network namespace: it ended, or it is on another machine`,
    );
  }

  /** Every namespace that some process is in. */
  async all(): Promise<readonly Place[]> {
    await this.#look();
    return [...this.#paths].flatMap(([key, path]) => {
      const stats = look(path);
      return stats !== undefined && placeKey(stats) === key ? [{ id: stats, path }] : [];
    });
  }

  #place(id: NetnsId, path: string): Place {
    const place = { id, path };
    finders.set(place, this);
    return place;
  }

  #lentPath(id: NetnsId): string | undefined {
    const key = placeKey(id);
    const path = this.#lent.get(key);
    if (path !== undefined && !isAt(path, id)) this.#lent.delete(key);
    return this.#lent.get(key);
  }

  async #byPath(path: string, url: string, field: string): Promise<Place> {
    if (/^\/proc\/(self|thread-self)(\/|$)/.test(path)) {
      throw invalid(field, url, 'a path that does not mean another process here');
    }
    const stats = look(path);
    if (stats === undefined) {
      throw new WireError(status.NOT_FOUND, `${field}: ${url}: there is no such file`);
    }
    if (stats.dev !== look(`${this.#proc}/self/ns/net`)?.dev) {
      throw invalid(field, url, 'the file of a network namespace');
    }
    return Promise.resolve({ id: { dev: stats.dev, ino: stats.ino }, path });
  }

  /** One look at every process; many who ask at once share it. */
  async #look(): Promise<void> {
    const found = new Map<string, string>();
    const pids = (await readdir(this.#proc)).filter((name) => /^\d+$/.test(name));
    for (const [at, pid] of pids.entries()) {
      const path = `${this.#proc}/${pid}/ns/net`;
      const stats = look(path);
      if (stats !== undefined && !found.has(placeKey(stats))) found.set(placeKey(stats), path);
      if (at % slice === slice - 1) await new Promise((resolve) => setImmediate(resolve));
    }
    this.#paths.clear();
    for (const [key, path] of found) this.#paths.set(key, path);
  }
}

/** Open a place; NOT_FOUND where it has gone since it was found. */
export async function openPlace(
  place: Place,
  settings: Readonly<Record<string, string>> = {},
): Promise<Netns> {
  const { id, path } = await whereNow(place);
  try {
    return await Netns.open(path, { id, settings });
  } catch (reason) {
    if (!(reason instanceof KernelError)) throw reason;
    if ([ENOENT, ESRCH, ESTALE].includes(reason.errno) && !reason.op.includes('setting')) {
      throw new WireError(
        status.NOT_FOUND,
        `network namespace ${placeKey(id)} is gone (it was ${path})`,
        { cause: reason },
      );
    }
    // setns refuses what is a namespace, but not of the network.
    if (reason.errno === EINVAL) throw invalid('inodeURL', path, 'a network namespace');
    throw reason;
  }
}

/** The process it was seen in may have ended, or the call that had it open, while the namespace lives on. */
async function whereNow(place: Place): Promise<Place> {
  const finder = finders.get(place);
  if (finder === undefined || isAt(place.path, place.id)) return place;
  return await finder.byId(place.id, 'network namespace').catch(() => place);
}

function pathOf(url: string): string | undefined {
  if (!url.startsWith('file:///')) return undefined;
  try {
    return decodeURIComponent(url.slice('file://'.length));
  } catch {
    return undefined;
  }
}

function isAt(path: string, id: NetnsId): boolean {
  const stats = look(path);
  return stats !== undefined && stats.dev === id.dev && stats.ino === id.ino;
}

/** Synchronous: for a file of the kernel's the way through the thread pool costs more than the look. */
function look(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined; // a process that is ending, or another user's
  }
}
