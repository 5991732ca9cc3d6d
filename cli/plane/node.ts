// SPDX-License-Identifier: Apache-2.0
/** Which forwarder's data plane a command is about, and where its operator's socket is. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { status } from '@grpc/grpc-js';
import type { Command } from 'commander';
import { environment, readEnvironment, type Environment } from '../../api/env/read-environment.js';
import type { Table } from '../../api/env/table.js';
import { name } from '../../api/env/text.js';
import { KernelError } from '../../api/errors/kernel-error.js';
import { WireError } from '../../api/errors/wire-error.js';
import { readSiteFiles } from '../../api/site/read.js';
import { findBpfDirectories, forwarderOf } from '../../bpf/loader/bpffs.js';
import { nearestFirst } from './nearest-first.js';

/** The environment of a command that looks at a data plane. */
export const planeTable = {
  WANWIRE_BPF_DIR: name({
    description: "The forwarder's pins, where they are not in the usual place; goes before --name.",
  }),
  WANWIRE_STATE_DIR: name({
    description:
      "The forwarder's folder, in which its operator's socket is; /run/wanwire/NAME where not set.",
  }),
} as const satisfies Table;

/** How a command is told which one. */
export interface NodeOptions {
  readonly name?: string;
  readonly file?: readonly string[];
}

/** The one a command is about. */
export interface NodeChoice {
  readonly name: string;
  /** Of its pins. */
  readonly directory: string;
  /** Where its operator's socket may be, the likeliest first. */
  readonly sockets: readonly string[];
}

/** Add the options to a command. */
export function withNodeOptions(command: Command): Command {
  const collect = (path: string, before: readonly string[] = []) => [...before, path];
  return command
    .option('--name <forwarder>', 'of this forwarder; needed where there are several')
    .option('-f, --file <site.yaml>', 'of the forwarder that `wanwire up` makes of it', collect);
}

/** The forwarder that was asked for, or the only one; throws the list where that is not clear. */
export async function chooseNode(
  options: NodeOptions,
  env: Environment = environment(),
  directories: readonly string[] = planes(),
): Promise<NodeChoice> {
  const { config } = readEnvironment(planeTable, env);
  const directory = config.WANWIRE_BPF_DIR ?? (await find(options, directories));
  const found = options.name ?? decoded(directory);
  const folders = config.WANWIRE_STATE_DIR === undefined ? usualFolders(found) : undefined;
  const sockets = (folders ?? [config.WANWIRE_STATE_DIR ?? '']).map((folder) => {
    return join(folder, 'operator.sock');
  });
  return { name: found, directory, sockets };
}

/** The operator's socket: where we were told to look, where the forwarder wrote that it is, or where one is. */
export function socketOf({ sockets }: NodeChoice, told: string | null): string {
  const [first = '', ...more] = sockets;
  if (more.length === 0) return first;
  const likely = told === null ? sockets : [told, ...sockets];
  // What the forwarder wrote is cut where it is too long for its place.
  return likely.find((path) => existsSync(path)) ?? told ?? first;
}

/** A forwarder by itself, and one that `wanwire up` runs. */
function usualFolders(forwarder: string): readonly string[] {
  const site = forwarder.replace(/-forwarder$/, '');
  return [
    `/run/wanwire/${encodeURIComponent(forwarder)}`,
    `/run/wanwire/${encodeURIComponent(site)}/forwarder`,
  ];
}

/** What is no plane stands there too: iproute2 keeps pins of its own in every bpffs. */
function planes(): readonly string[] {
  return findBpfDirectories().filter((directory) => existsSync(join(directory, 'maps', 'control')));
}

async function find(options: NodeOptions, directories: readonly string[]): Promise<string> {
  const { name: given, file } = options;
  const wanted = given ?? (file && `${(await readSiteFiles(file)).site.name}-forwarder`);
  const names = directories.map(decoded);
  if (wanted !== undefined) {
    const at = names.indexOf(wanted);
    const directory = directories[at];
    if (directory !== undefined) return directory;
    throw new WireError(
      status.NOT_FOUND,
      `${noPlane(`forwarder "${wanted}"`)}${known(wanted, names)}`,
    );
  }
  const [only, ...more] = directories;
  if (only === undefined)
    throw new WireError(status.NOT_FOUND, `${noPlane('a forwarder')}${hint()}`);
  if (more.length > 0) {
    const text = `there are several forwarders: choose one with --name (${names.join(', ')})`;
    throw new WireError(status.INVALID_ARGUMENT, text);
  }
  return only;
}

/** What a pin that cannot be opened means to who looks at the whole. */
export function inWords(reason: unknown, { name: forwarder }: NodeChoice): unknown {
  if (!(reason instanceof KernelError)) return reason;
  if (reason.code === status.PERMISSION_DENIED) {
    return new WireError(reason.code, `${reason.message}: reading pinned maps needs root (sudo)`);
  }
  if (reason.code !== status.NOT_FOUND) return reason;
  return new WireError(
    reason.code,
    `${noPlane(`forwarder "${forwarder}"`)}: it has no WAN links, or has not started yet (${reason.message})`,
    { cause: reason },
  );
}

function noPlane(of: string): string {
  return `no data plane of ${of} on this machine`;
}

function known(wanted: string, names: readonly string[]): string {
  if (names.length === 0) return hint();
  return `: there is ${nearestFirst(wanted, names).join(', ')}`;
}

function hint(): string {
  const root = process.getuid?.() === 0;
  return root
    ? ': is WANWIRE_SITE_FILE set for it, has it started?'
    : ' that can be read: try as root (sudo)';
}

/** A folder that somebody else named is shown as it is. */
function decoded(directory: string): string {
  try {
    return forwarderOf(directory);
  } catch {
    return basename(directory);
  }
}
