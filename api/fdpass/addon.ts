// SPDX-License-Identifier: Apache-2.0
/** The fdpass addon as TypeScript sees it; loaded here and nowhere else, with its first use. */
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';

declare const brand: unique symbol;
/** A stream, inside the addon. */
export type StreamHandle = object & { readonly [brand]: 'stream' };

/** What `bpf/native/fdpass.c` exports; its head says what each does. */
export interface FdpassAddon {
  open(fd: number, slots: Int32Array, onEvent: (events: number) => void): StreamHandle;
  wait(handle: StreamHandle, events: number): void;
  read(handle: StreamHandle, buffer: Uint8Array, at: number): number;
  write(
    handle: StreamHandle,
    buffers: readonly Uint8Array[],
    skip: number,
    fds: readonly number[],
  ): number;
  end(handle: StreamHandle): void;
  ref(handle: StreamHandle): void;
  unref(handle: StreamHandle): void;
  close(handle: StreamHandle): void;
  duplicate(fd: number): number;
  peer(fd: number): { pid: number; uid: number; gid: number; pidfd: number };
}

let loaded: FdpassAddon | undefined;

/** The addon. Its build is `make -C bpf`. */
export function fdpass(): FdpassAddon {
  loaded ??= createRequire(import.meta.url)('#fdpass') as FdpassAddon;
  return loaded;
}

/** The descriptor below a socket of Node's; it stays the socket's. Nothing where it has none (closed). */
export function descriptorOf(socket: Socket): number | undefined {
  // Node has no public word for it; that of `net.Socket` has not changed since 0.10.
  const { _handle: handle } = socket as unknown as { _handle?: { readonly fd?: number } | null };
  const fd = handle?.fd;
  return fd === undefined || fd < 0 ? undefined : fd;
}
