// SPDX-License-Identifier: Apache-2.0
/**
 * Programs at an interface of the process's own network namespace.
 *
 * tcx: a pinned link, after the programs that are there. clsact, for kernels
 * before 6.6: a filter with a priority and handle of our own, replaced in place;
 * the qdisc is never deleted. What bpffs holds at `pin` is the link, or, for a
 * filter, a symbolic link whose text says where it is.
 *
 * Leaves: the program at its interface, on purpose, until `detach`.
 */
import { lstatSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { WireError } from '../../api/errors/wire-error.js';
import { addon, type AttachedInfo, type ProgramInfo } from './addon.js';
import { supports } from './features.js';
import type { Program } from './program.js';
import { awaiting } from './refused.js';

/** Which way packets go by. */
export type Hook = 'ingress' | 'egress';
/** By which of the kernel's two ways a program is attached. */
export type AttachKind = 'tcx' | 'clsact';

/** Where a program is to be. */
export interface Where {
  readonly ifindex: number;
  readonly hook: Hook;
  /** A path in a bpffs, in a folder that is there. */
  readonly pin: string;
}

/** A program at its place. */
export interface Attachment {
  readonly kind: AttachKind;
  /** Take it away and forget the pin; a device or pin that is gone is no error. */
  readonly detach: () => Promise<void>;
}

/** What a pin stands for. */
export interface Attached extends Attachment, Where {
  /** 0: its device is gone, and the pin is all that is left of a tcx link. */
  readonly ifindex: number;
  /** Nothing if it is not attached any more. */
  readonly program: ProgramInfo | undefined;
  /** Whether packets still meet it. */
  readonly alive: boolean;
}

const hooks: readonly (Hook | undefined)[] = [undefined, 'ingress', 'egress'];

/**
 * Let a program see the packets of an interface. The same again changes nothing;
 * another program takes the place of the one before without losing a packet.
 */
export async function attach(
  program: Program,
  where: Where,
  how: AttachKind = supports('tcx') ? 'tcx' : 'clsact',
): Promise<Attachment> {
  const { ifindex, hook, pin } = where;
  const op = `attach ${program.name} to the ${hook} of interface ${String(ifindex)}`;
  const record = recordAt(pin);
  if (record?.kind === 'tcx' && how === 'clsact') await detachTcx(pin);
  if (record?.kind === 'clsact' && (how === 'tcx' || !isSame(record, where))) {
    await detachClsact(record);
  }
  if (how === 'tcx') {
    await refuseOther(where);
    await awaiting(op, () => addon.linkAttach(program.handle, ifindex, hooks.indexOf(hook), pin));
    return attachmentOf(how, where);
  }
  // The record first: what it tells of may not be there, the reverse would be lost.
  if (recordAt(pin) === undefined) symlinkSync(`clsact:${hook}:${String(ifindex)}`, pin);
  try {
    await awaiting(op, () => addon.filterAttach(program.handle, ifindex, hooks.indexOf(hook)));
  } catch (reason) {
    if (record === undefined) rmSync(pin, { force: true });
    throw reason;
  }
  return attachmentOf(how, where);
}

/** Does not hold the program. */
function attachmentOf(kind: AttachKind, where: Where): Attachment {
  const detach = kind === 'tcx' ? () => detachTcx(where.pin) : () => detachClsact(where);
  return { kind, detach };
}

/** What is pinned in a folder, in the order of names; nothing where it is not there. */
export async function attachments(pinDirectory: string): Promise<Attached[]> {
  const found = await Promise.all(
    namesIn(pinDirectory).map((name) => look(join(pinDirectory, name))),
  );
  return found.filter((one) => one !== undefined);
}

async function look(pin: string): Promise<Attached | undefined> {
  const record = recordAt(pin);
  if (record === undefined) return undefined;
  if (record.kind === 'clsact') {
    const { ifindex, hook } = record;
    const info = await awaiting(`look at the filter of ${pin}`, () =>
      addon.filterInfo(ifindex, hooks.indexOf(hook)),
    );
    return { ...attachmentOf('clsact', record), pin, ifindex, hook, ...stateOf(info) };
  }
  const info = await awaiting(`look at link ${pin}`, () => addon.linkInfo(pin));
  if (info === undefined) return undefined;
  const hook = hooks[info.hook] ?? 'ingress';
  const where = { pin, ifindex: info.ifindex, hook };
  return { ...attachmentOf('tcx', where), ...where, ...stateOf(info) };
}

function stateOf(info: AttachedInfo | undefined): Pick<Attached, 'program' | 'alive'> {
  return { program: info?.program, alive: info !== undefined && info.ifindex !== 0 };
}

/** A pin of ours that is in use elsewhere is not taken away from there. */
async function refuseOther({ ifindex, hook, pin }: Where): Promise<void> {
  const there = await look(pin);
  if (there === undefined || !there.alive) return;
  if (there.ifindex === ifindex && there.hook === hook) return;
  throw new WireError(
    status.ALREADY_EXISTS,
    `${pin} is the ${there.hook} of interface ${String(there.ifindex)}: detach that first`,
  );
}

async function detachTcx(pin: string): Promise<void> {
  await awaiting(`detach ${pin}`, () => addon.linkDetach(pin));
  rmSync(pin, { force: true });
}

async function detachClsact({ ifindex, hook, pin }: Where): Promise<void> {
  await awaiting(`detach ${pin}`, () => addon.filterDetach(ifindex, hooks.indexOf(hook)));
  rmSync(pin, { force: true });
}

type Recorded = (Where & { readonly kind: 'clsact' }) | { readonly kind: 'tcx' };

function recordAt(pin: string): Recorded | undefined {
  const stats = lstatSync(pin, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  if (!stats.isSymbolicLink()) return { kind: 'tcx' };
  const text = readlinkSync(pin);
  const [, hook, ifindex] = /^clsact:(ingress|egress):(\d+)$/.exec(text) ?? [];
  if (hook === undefined) {
    throw new WireError(status.FAILED_PRECONDITION, `${pin} is not ours: it leads to ${text}`);
  }
  return { kind: 'clsact', pin, ifindex: Number(ifindex), hook: hook as Hook };
}

function isSame(a: Where, b: Where): boolean {
  return a.ifindex === b.ifindex && a.hook === b.hook;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch (reason) {
    if (reason instanceof Error && 'code' in reason && reason.code === 'ENOENT') return [];
    throw reason;
  }
}
