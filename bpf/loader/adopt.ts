// SPDX-License-Identifier: Apache-2.0
/**
 * The state contract: a directory of pins is adopted as it is found.
 *
 * `maps/`, `progs/` and `links/` hold pins by name; the symbolic link `object`
 * says which object file the programs are of, and is written last. The same
 * file: nothing is loaded. Another one: it is loaded onto the pinned maps, and
 * takes the place of its forerunner at every interface, each without losing a
 * packet. A process that dies half way leaves `object` out; the next one swaps again.
 *
 * Leaves: all of it, on purpose: packets flow without the process.
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { KernelError } from '../../api/errors/kernel-error.js';
import { invalid, WireError } from '../../api/errors/wire-error.js';
import { attach, attachments, type Attached } from './attach.js';
import { isBpffs } from './bpffs.js';
import { control, layoutVersion } from './layout.js';
import { BpfMap } from './map.js';
import { BpfObject } from './object.js';
import { Program } from './program.js';

/** What {@link openPlane} takes. */
export interface OpenPlaneOptions {
  /** How much a map holds, by name; a map that is there already stays as it is. */
  readonly maxEntries?: Readonly<Record<string, number>>;
}

/** A data plane's maps and programs; they are closed with it, and go on. */
export interface OpenedPlane extends Disposable {
  /** Found as this version has it, found and swapped for this version's programs, or made. */
  readonly adopted: 'same' | 'swapped' | 'new';
  readonly mapNames: readonly string[];
  map(name: string): BpfMap;
  program(name: string): Program;
}

/** The text of the symbolic link `object`. */
interface Recorded {
  readonly sha256: string;
  /** Their tags. */
  readonly programs: Readonly<Record<string, string>>;
  readonly maps: readonly string[];
}

interface Folders {
  readonly maps: string;
  readonly progs: string;
  readonly links: string;
  readonly object: string;
}

/** Adopt the plane in a directory of a bpffs, or make it; see the head of this file. */
export async function openPlane(
  directory: string,
  objectPath: string,
  options: OpenPlaneOptions = {},
): Promise<OpenedPlane> {
  const folders = make(directory);
  const attached = await sweep(folders);
  checkLayout(directory, folders, attached);
  const sha256 = hashOf(objectPath);
  if (isAsRecorded(folders, sha256)) return opened(folders, 'same');
  const before = readdirSync(folders.progs).length > 0;
  rmSync(folders.object, { force: true });
  const made = await load(folders, objectPath, options, attached);
  symlinkSync(JSON.stringify({ sha256, ...made } satisfies Recorded), folders.object);
  return opened(folders, before ? 'swapped' : 'new');
}

function make(directory: string): Folders {
  const folders = {
    maps: join(directory, 'maps'),
    progs: join(directory, 'progs'),
    links: join(directory, 'links'),
    object: join(directory, 'object'),
  };
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (!isBpffs(directory)) throw invalid('BPF directory', directory, 'a directory in a bpffs');
    for (const one of [folders.maps, folders.progs, folders.links]) {
      mkdirSync(one, { recursive: true, mode: 0o700 });
    }
  } catch (reason) {
    throw KernelError.from(`make ${directory}`, reason);
  }
  return folders;
}

/** What is attached; pins of what is not are removed. */
async function sweep({ links }: Folders): Promise<Attached[]> {
  const all = await attachments(links);
  for (const { alive, pin } of all) if (!alive) rmSync(pin, { force: true });
  return all.filter(({ alive }) => alive);
}

/** Maps of another layout are not ours to read; they go if no packet meets them. */
function checkLayout(directory: string, { maps, progs }: Folders, attached: readonly Attached[]) {
  const pin = join(maps, 'control');
  if (!existsSync(pin)) return;
  using map = BpfMap.open(pin);
  const found = map.lookup(Buffer.alloc(4))?.readUInt32LE(control.offsets.layout) ?? 0;
  if (found === layoutVersion) return;
  if (attached.length > 0) {
    throw new WireError(
      status.FAILED_PRECONDITION,
      `${directory} has the maps of another version (layout ${String(found)}, this one has ` +
        `${String(layoutVersion)}), and ${String(attached.length)} interfaces use them: ` +
        `close their wires with that version, or remove the directory, which ends them`,
    );
  }
  for (const folder of [maps, progs]) {
    for (const name of readdirSync(folder)) rmSync(join(folder, name), { force: true });
  }
}

async function load(
  { maps, progs }: Folders,
  objectPath: string,
  { maxEntries = {} }: OpenPlaneOptions,
  attached: readonly Attached[],
): Promise<Omit<Recorded, 'sha256'>> {
  using object = BpfObject.open(objectPath);
  for (const name of object.mapNames) {
    const entries = pinnedSize(join(maps, name)) ?? maxEntries[name];
    if (entries !== undefined) object.setMaxEntries(name, entries);
  }
  object.load({ pinDirectory: maps });
  object.map('control').store32(0, control.offsets.layout, layoutVersion);
  for (const name of object.programNames) {
    const temporary = join(progs, `${name}:new`);
    rmSync(temporary, { force: true });
    object.program(name).pin(temporary);
    renameSync(temporary, join(progs, name));
  }
  await Promise.all(
    attached.map(async ({ kind, program, ...where }) => {
      const name = object.programNames.find((one) => one.slice(0, 15) === program?.name);
      if (name !== undefined) await attach(object.program(name), where, kind);
    }),
  );
  for (const name of readdirSync(progs)) {
    if (!object.programNames.includes(name)) rmSync(join(progs, name), { force: true });
  }
  const tags = object.programNames.map((name) => [name, object.program(name).tag]);
  return {
    programs: Object.fromEntries(tags) as Record<string, string>,
    maps: object.mapNames,
  };
}

function pinnedSize(pin: string): number | undefined {
  if (!existsSync(pin)) return undefined;
  using map = BpfMap.open(pin);
  return map.maxEntries;
}

/** Whether what is pinned is of that file, all of it. */
function isAsRecorded({ maps, progs, object }: Folders, sha256: string): boolean {
  const text = linkText(object);
  if (text === undefined) return false;
  const recorded = JSON.parse(text) as Recorded;
  return (
    recorded.sha256 === sha256 &&
    recorded.maps.every((name) => existsSync(join(maps, name))) &&
    Object.entries(recorded.programs).every(([name, tag]) => tagAt(join(progs, name)) === tag)
  );
}

function tagAt(pin: string): string | undefined {
  if (!existsSync(pin)) return undefined;
  using program = Program.open(pin);
  return program.tag;
}

function opened({ maps, progs }: Folders, adopted: OpenedPlane['adopted']): OpenedPlane {
  const open = new Map<string, BpfMap>();
  const programs = new Map<string, Program>();
  const close = (): void => {
    for (const one of [...open.values(), ...programs.values()]) one[Symbol.dispose]();
  };
  try {
    for (const name of readdirSync(maps)) open.set(name, BpfMap.open(join(maps, name)));
    for (const name of readdirSync(progs)) programs.set(name, Program.open(join(progs, name)));
  } catch (reason) {
    close();
    throw reason;
  }
  return {
    adopted,
    mapNames: [...open.keys()].sort(),
    map: (name) => one('map', name, open),
    program: (name) => one('program', name, programs),
    [Symbol.dispose]: close,
  };
}

function one<T>(what: string, name: string, all: ReadonlyMap<string, T>): T {
  const found = all.get(name);
  if (found === undefined) throw invalid(what, name, `one of ${[...all.keys()].join(', ')}`);
  return found;
}

/** What tells one object file from another. */
function hashOf(objectPath: string): string {
  try {
    return createHash('sha256').update(readFileSync(objectPath)).digest('hex');
  } catch (reason) {
    throw KernelError.from(`read BPF object ${objectPath}`, reason);
  }
}

function linkText(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
