// SPDX-License-Identifier: Apache-2.0
/** The netns addon as TypeScript sees it; loaded here and nowhere else. */
import { createRequire } from 'node:module';

declare const brand: unique symbol;
/** A namespace with its socket, inside the addon. */
export type NetnsHandle = object & { readonly [brand]: 'netns' };
/** A multicast listener, inside the addon. */
export type ListenHandle = object & { readonly [brand]: 'listener' };

/** What `bpf/native/netns.c` exports; its head says what each does. */
export interface NetnsAddon {
  open(
    path: string,
    dev: bigint,
    ino: bigint,
    settings: string,
    receiveBuffer: number,
  ): Promise<NetnsHandle>;
  descriptor(handle: NetnsHandle): number;
  transact(handle: NetnsHandle, messages: Uint8Array): Promise<Buffer>;
  close(handle: NetnsHandle): void;
  leaks(): number;
  listen(
    groups: number,
    onMessages: (error: Error | undefined, messages: Buffer) => void,
  ): ListenHandle;
  unlisten(handle: ListenHandle): void;
}

/** The addon. Its build is `make -C bpf`. */
export const addon = createRequire(import.meta.url)('#netns') as NetnsAddon;
