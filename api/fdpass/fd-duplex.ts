// SPDX-License-Identifier: Apache-2.0
/**
 * A connected unix socket as a stream of bytes with descriptors beneath them (NSM's grpcfd).
 *
 * It works on a duplicate of the socket's descriptor, so whoever had the
 * socket closes it. A descriptor to send waits for the next bytes that are
 * written and goes with the first of them; one that comes is filed
 * (`received.ts`). It keeps the process alive until it ends or `unref` is called.
 */
import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { Duplex } from 'node:stream';
import { getSystemErrorName } from 'node:util';
import { status } from '@grpc/grpc-js';
import { systemClock, type Clock, type Timer } from '../chain/clock.js';
import { KernelError } from '../errors/kernel-error.js';
import { WireError } from '../errors/wire-error.js';
import { fdpass, type StreamHandle } from './addon.js';
import { duplicate, fileKey, ReceivedFiles, type FileId } from './received.js';

/** What a stream is told beside its socket. */
export interface FdDuplexOptions {
  readonly clock?: Clock;
  /** Told in words when descriptors are lost: none left in this process, or too many on their way. */
  readonly onTrouble?: (text: string) => void;
}

const readable = 1;
const writable = 2;
const broken = 4;
const slabBytes = 65_536;
const smallestRead = 8_192;
/** Reads of one turn; the loop has others to serve. */
const readsAtOnce = 8;
/** What one message carries. */
const fdsAtOnce = 64;
/** Descriptors that wait for bytes to go with. */
const mostQueued = 1_024;
const { EAGAIN, ECANCELED, ECONNRESET, EPIPE } = constants.errno;
/** Node has no name for it. */
const ETOOMANYREFS = 109;
/** How often, and how long, descriptors are tried again that the kernel has no room for on their way. */
const tooManyWaitMs = 10;
const tooManyGiveUpMs = 2_000;
const none: readonly number[] = [];

interface Pending {
  readonly parts: readonly Uint8Array[];
  readonly bytes: number;
  readonly done: (error?: Error | null) => void;
  skip: number;
}

/** See the head of this file. */
export class FdDuplex extends Duplex {
  readonly #handle: StreamHandle;
  readonly #slots = new Int32Array(2 + fdsAtOnce);
  readonly #clock: Clock;
  readonly #received: ReceivedFiles;
  readonly #onTrouble: (text: string) => void;
  /** By file: one of each is enough. */
  readonly #outgoing = new Map<string, number>();
  #slab = Buffer.allocUnsafeSlow(slabBytes);
  #at = 0;
  #events = 0;
  #wantsBytes = false;
  #pending: Pending | undefined;
  #retry: Timer | undefined;
  #tooManySinceMs = 0;
  #toldLost = false;

  /** Of a connected unix stream socket; `KernelError` where no descriptor is left. */
  constructor(fd: number, options: FdDuplexOptions = {}) {
    super({ allowHalfOpen: true, readableHighWaterMark: slabBytes });
    this.#clock = options.clock ?? systemClock;
    this.#received = new ReceivedFiles(this.#clock);
    this.#onTrouble = options.onTrouble ?? (() => undefined);
    try {
      this.#handle = fdpass().open(fd, this.#slots, (events) => {
        this.#onEvents(events);
      });
    } catch (reason) {
      throw KernelError.from('watch a unix socket', reason);
    }
  }

  /** What the peer has sent, or sends before `signal` aborts: the caller's to close. NOT_FOUND where it does not come. */
  takeFile(id: FileId, signal: AbortSignal): Promise<number> {
    return this.#received.take(id, signal);
  }

  /** Send one with the next bytes; the caller's own may be closed at once. */
  sendFile(fd: number): void {
    if (this.destroyed || this.writableEnded) {
      throw new WireError(
        status.UNAVAILABLE,
        'the connection is closed: no descriptor can be sent',
      );
    }
    const key = fileKey(fd);
    if (this.#outgoing.has(key)) return;
    if (this.#outgoing.size >= mostQueued) {
      const text = `${String(mostQueued)} descriptors wait to be sent on one connection`;
      throw new WireError(status.RESOURCE_EXHAUSTED, text);
    }
    this.#outgoing.set(key, duplicate(fd));
  }

  /** Keep the process alive while it is open, as it does at first. */
  ref(): this {
    if (!this.destroyed) fdpass().ref(this.#handle);
    return this;
  }

  /** Let the process end although it is open. */
  unref(): this {
    if (!this.destroyed) fdpass().unref(this.#handle);
    return this;
  }

  override _read(): void {
    this.#wantsBytes = true;
    this.#listen();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Pending['done']): void {
    this.#begin([chunk], done);
  }

  override _writev(chunks: readonly { chunk: Buffer }[], done: Pending['done']): void {
    this.#begin(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  override _final(done: (error?: Error | null) => void): void {
    try {
      fdpass().end(this.#handle);
      done();
    } catch (reason) {
      done(reason instanceof Error ? reason : new Error(String(reason)));
    }
  }

  override _destroy(reason: Error | null, done: (error?: Error | null) => void): void {
    this.#retry?.cancel();
    this.#received[Symbol.dispose]();
    this.#letGo(Infinity);
    fdpass().close(this.#handle);
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.done(reason ?? socketError(ECANCELED, 'write'));
    done(reason);
  }

  #onEvents(events: number): void {
    if (this.destroyed) return;
    // After an error the addon waits for nothing more; reading and writing say what it was.
    if ((events & broken) !== 0) this.#events = 0;
    if ((events & (writable | broken)) !== 0) this.#flush();
    if ((events & (readable | broken)) !== 0) this.#drain();
    this.#listen();
  }

  /** Ask to be woken for what we wait for. */
  #listen(): void {
    if (this.destroyed) return;
    const waitsToWrite = this.#pending !== undefined && this.#retry === undefined;
    const events = (this.#wantsBytes ? readable : 0) | (waitsToWrite ? writable : 0);
    if (events === this.#events) return;
    this.#events = events;
    fdpass().wait(this.#handle, events);
  }

  #drain(): void {
    for (let turn = 0; turn < readsAtOnce && this.#wantsBytes && !this.destroyed; turn++) {
      const got = fdpass().read(this.#handle, this.#slab, this.#at);
      this.#file();
      if (got === -EAGAIN) return;
      if (got < 0) {
        this.destroy(socketError(-got, 'read'));
        return;
      }
      if (got === 0) {
        this.#wantsBytes = false;
        this.push(null);
        return;
      }
      const bytes = this.#slab.subarray(this.#at, this.#at + got);
      this.#at += got;
      if (slabBytes - this.#at < smallestRead) {
        this.#slab = Buffer.allocUnsafeSlow(slabBytes);
        this.#at = 0;
      }
      // `push` may ask for more at once, so the wish is over before it.
      this.#wantsBytes = false;
      if (this.push(bytes)) this.#wantsBytes = true;
    }
  }

  #file(): void {
    const [count = 0, lost] = this.#slots;
    for (let at = 0; at < count; at++) this.#received.add(this.#slots[2 + at] ?? -1);
    if (lost === 0 || this.#toldLost) return;
    this.#toldLost = true;
    this.#onTrouble(
      'descriptors that a peer sent were lost: this process has as many open as it may (ulimit -n), or more than 64 came at once',
    );
  }

  #begin(parts: readonly Uint8Array[], done: Pending['done']): void {
    const bytes = parts.reduce((sum, { length }) => sum + length, 0);
    this.#pending = { parts, bytes, done, skip: 0 };
    this.#flush();
    this.#listen();
  }

  #flush(): void {
    const pending = this.#pending;
    if (pending === undefined || this.#retry !== undefined) return;
    let { parts } = pending;
    while (pending.skip < pending.bytes) {
      const fds =
        this.#outgoing.size === 0 ? none : [...this.#outgoing.values()].slice(0, fdsAtOnce);
      const rest = after(parts, pending.bytes - pending.skip);
      parts = rest.parts;
      const sent = fdpass().write(this.#handle, parts, rest.skip, fds);
      if (sent === -EAGAIN) return;
      if (sent === -ETOOMANYREFS) {
        this.#tooMany();
        return;
      }
      if (sent < 0) {
        this.#pending = undefined;
        pending.done(socketError(-sent, 'write'));
        return;
      }
      pending.skip += sent;
      const [gone = 0] = this.#slots;
      if (gone > 0) this.#tooManySinceMs = 0;
      this.#letGo(gone);
    }
    this.#pending = undefined;
    pending.done();
  }

  /** The first so many have gone, or never will. */
  #letGo(count: number): void {
    for (const [key, fd] of this.#outgoing) {
      if (count-- <= 0) return;
      this.#outgoing.delete(key);
      closeSync(fd);
    }
  }

  /** Too many descriptors of this user are on their way: those that wait are tried for a while, then let go of. */
  #tooMany(): void {
    const now = this.#clock.now();
    if (this.#tooManySinceMs === 0) this.#tooManySinceMs = now;
    if (now - this.#tooManySinceMs >= tooManyGiveUpMs) {
      this.#tooManySinceMs = 0;
      const count = String(this.#outgoing.size);
      this.#letGo(Infinity);
      this.#onTrouble(
        `${count} descriptors were not sent: this user has as many on their way as it may`,
      );
    }
    this.#retry = this.#clock.after(tooManyWaitMs, () => {
      this.#retry = undefined;
      this.#flush();
      this.#listen();
    });
  }
}

/** The last `bytes` of `parts`: whole buffers that went are left out, `skip` is into the first that stays. */
function after(
  parts: readonly Uint8Array[],
  bytes: number,
): { parts: readonly Uint8Array[]; skip: number } {
  let skip = parts.reduce((sum, { length }) => sum + length, 0) - bytes;
  let at = 0;
  for (let length = parts[0]?.length ?? 0; skip > 0 && skip >= length; at++) {
    skip -= length;
    length = parts[at + 1]?.length ?? 0;
  }
  return { parts: at === 0 ? parts : parts.slice(at), skip };
}

/** As Node's own sockets have it: the code is what http2 and grpc-js go by, and only ECONNRESET is a lost connection to them. */
function socketError(errno: number, syscall: string): Error {
  const name = getSystemErrorName(-errno);
  const code = errno === EPIPE ? getSystemErrorName(-ECONNRESET) : name;
  return Object.assign(new Error(`${syscall} ${name}`), { code, errno: -errno, syscall });
}
