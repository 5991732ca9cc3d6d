// SPDX-License-Identifier: Apache-2.0
/** The loader addon as TypeScript sees it; loaded here and nowhere else. */
import { createRequire } from 'node:module';

declare const brand: unique symbol;
type Handle<B extends string> = object & { readonly [brand]: B };
/** A libbpf object, inside the addon. */
export type ObjectHandle = Handle<'object'>;
/** A map's descriptor and memory, inside the addon. */
export type MapHandle = Handle<'map'>;
/** A program's descriptor, inside the addon. */
export type ProgramHandle = Handle<'program'>;
/** A ring buffer that is being read, inside the addon. */
export type RingHandle = Handle<'ring'>;

/** What the kernel says of a program. */
export interface ProgramInfo {
  readonly id: number;
  readonly name: string;
  /** 16 hexadecimal digits: the same instructions give the same. */
  readonly tag: string;
}

/** What the kernel says of a map. */
export interface MapInfo {
  readonly id: number;
  readonly name: string;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** Bytes of a value as system calls take it: of per-CPU maps all CPUs' together. */
  readonly valueBytes: number;
}

/** A program where it is attached; `program` is missing if it is gone meanwhile. */
export interface AttachedInfo {
  /** 0: the device is gone. */
  readonly ifindex: number;
  /** 1 is ingress, 2 egress. */
  readonly hook: number;
  readonly program?: ProgramInfo;
}

/** What `bpf/native/loader.c` exports; its head says what each does. */
export interface LoaderAddon {
  openObject(path: string): ObjectHandle;
  setMaxEntries(object: ObjectHandle, map: string, entries: number): void;
  setRodata(object: ObjectHandle, symbol: string, value: Uint8Array): void;
  load(object: ObjectHandle, pinDirectory: string): void;
  mapNames(object: ObjectHandle): string[];
  programNames(object: ObjectHandle): string[];
  mapOf(object: ObjectHandle, name: string): MapHandle;
  programOf(object: ObjectHandle, name: string): ProgramHandle;

  openMap(pin: string): MapHandle;
  mapInfo(map: MapHandle): MapInfo;
  lookup(map: MapHandle, key: Uint8Array): Buffer | undefined;
  update(map: MapHandle, key: Uint8Array, value: Uint8Array, flags: number): void;
  remove(map: MapHandle, key: Uint8Array): boolean;
  updateBatch(map: MapHandle, keys: Uint8Array, values: Uint8Array): void;
  removeBatch(map: MapHandle, keys: Uint8Array): void;
  entries(map: MapHandle): [keys: Buffer, values: Buffer];
  store32(map: MapHandle, index: number, offset: number, value: number): void;
  load32(map: MapHandle, index: number, offset: number): number;

  openRing(
    pin: string,
    recordSize: number,
    most: number,
    onRecords: (records: Buffer, full: boolean) => void,
  ): RingHandle;
  readRing(ring: RingHandle): void;
  restRing(ring: RingHandle): void;
  closeRing(ring: RingHandle): void;

  openProgram(pin: string): ProgramHandle;
  programInfo(program: ProgramHandle): ProgramInfo;
  pin(program: ProgramHandle, path: string): void;
  testRun(
    program: ProgramHandle,
    packet: Uint8Array,
    repeat: number,
    ifindex: number,
    sizeOut: number,
  ): [retval: number, packet: Buffer, durationNs: number];

  linkAttach(program: ProgramHandle, ifindex: number, hook: number, pin: string): Promise<void>;
  linkDetach(pin: string): Promise<void>;
  linkInfo(pin: string): Promise<AttachedInfo | undefined>;
  filterAttach(program: ProgramHandle, ifindex: number, hook: number): Promise<void>;
  filterDetach(ifindex: number, hook: number): Promise<void>;
  filterInfo(ifindex: number, hook: number): Promise<AttachedInfo | undefined>;

  probe(feature: number): boolean;
  /** Of libbpf, such as `v1.1`. */
  library(): string;
  grace(byMap: boolean): Promise<void>;
  mountBpf(directory: string): void;
  close(handle: ObjectHandle | MapHandle | ProgramHandle): void;
  leaks(): number;
}

/** The addon. Its build is `make -C bpf`. */
export const addon = createRequire(import.meta.url)('#loader') as LoaderAddon;

/** How many handles the garbage collector had to close: a leak of ours. */
export function leakedHandles(): number {
  return addon.leaks();
}
