// SPDX-License-Identifier: Apache-2.0
/**
 * A network namespace while a Request is handled: a route-netlink socket that
 * lives in it, its descriptor for creating links in it, its sysctls.
 *
 * A held descriptor keeps a dead namespace alive, so one is opened per Request
 * (`using`) and closed with it. No thread of the process ever changes namespace.
 */
import { KernelError } from '../../api/errors/kernel-error.js';
import { addon, type NetnsHandle } from './addon.js';

/** What tells one namespace from all others while it lives. */
export interface NetnsId {
  readonly dev: bigint;
  readonly ino: bigint;
}

/** What {@link Netns.open} does besides opening. */
export interface NetnsOptions {
  /** The namespace that `path` must be, or ESTALE: a pid may have been reused. */
  readonly id?: NetnsId;
  /** Values to be found below /proc/sys, such as `net/ipv4/ip_forward`; written where they differ. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Bytes for answers; enough for a few hundred acks unless a test wants an overrun. */
  readonly receiveBufferBytes?: number;
}

const anyId: NetnsId = { dev: 0n, ino: 0n };

/** An opened namespace. */
export class Netns implements Disposable {
  readonly #handle: NetnsHandle;
  readonly #where: string;
  #tail: Promise<unknown> = Promise.resolve();

  private constructor(handle: NetnsHandle, where: string) {
    this.#handle = handle;
    this.#where = where;
  }

  /** Open by a path such as `/proc/17/ns/net`; an empty path is the process's own namespace. */
  static async open(path: string, options: NetnsOptions = {}): Promise<Netns> {
    const { dev, ino } = options.id ?? anyId;
    const settings = Object.entries(options.settings ?? {});
    const lines = settings.map(([name, value]) => `${name}=${value}\n`).join('');
    const where = path === '' ? 'own network namespace' : `network namespace ${path}`;
    try {
      const size = options.receiveBufferBytes ?? 1 << 20;
      return new Netns(await addon.open(path, dev, ino, lines, size), where);
    } catch (reason) {
      throw KernelError.from(`open ${where}${callOf(reason)}`, reason);
    }
  }

  /** The descriptor of the namespace, for attributes such as IFLA_NET_NS_FD; dead once disposed. */
  get fd(): number {
    return addon.descriptor(this.#handle);
  }

  /**
   * Send messages, each wanting an ack or being a dump, and collect every answer;
   * one transaction at a time, in order. An overrun (ENOBUFS) means that answers
   * were lost, not that nothing was done.
   */
  transact(messages: Uint8Array): Promise<Buffer> {
    const run = this.#tail.then(() => addon.transact(this.#handle, messages));
    this.#tail = run.catch(() => undefined);
    return run.catch((reason: unknown) => {
      throw KernelError.from(`netlink in ${this.#where}${callOf(reason)}`, reason);
    });
  }

  /** Close; what is under way ends first. Twice does nothing. */
  [Symbol.dispose](): void {
    addon.close(this.#handle);
  }
}

function callOf(reason: unknown): string {
  return reason instanceof Error && 'syscall' in reason ? `: ${String(reason.syscall)}` : '';
}

/** How many namespaces the garbage collector had to close: a leak of ours. */
export function leakedNetns(): number {
  return addon.leaks();
}
