// SPDX-License-Identifier: Apache-2.0
/**
 * The roots of our trust domain, in one file with their keys, so that no moment has half of them.
 *
 * A root is in the bundle before it signs. The one before it signs until then, and stays in the
 * bundle until the last certificate that it signed has ended; its key is forgotten as it stops.
 */
import { open, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { KeyObject, X509Certificate } from 'node:crypto';
import { X509Certificate as Certificate } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { z } from 'zod';
import type { Clock } from '../../api/chain/clock.js';
import { WireError } from '../../api/errors/wire-error.js';
import {
  makeCertificate,
  signedFrom,
  textOf,
  type Signed,
} from '../../api/identity/certificate.js';
import { ownFolder, readOwn, writeOwn } from './own-file.js';

/** One root. */
export interface Root {
  readonly certificate: X509Certificate;
  /** None once it signs no more. */
  readonly key: KeyObject | undefined;
  /** When it begins to sign; milliseconds since 1970. */
  readonly signsFromMs: number;
  /** When it leaves the bundle; milliseconds since 1970. */
  readonly endsMs: number;
}

/** What the file says. */
export interface Roots {
  readonly trustDomain: string;
  /** Raised with each change, as SPIFFE's bundles have it. */
  readonly sequence: number;
  /** By when they begin to sign; at least one. */
  readonly roots: readonly Root[];
}

/** The longest that an SVID may live, in milliseconds. */
export const longestSvidMs = 3_600_000;
/** How long a root lives where not given: ten years, for other sites get bundles by hand. */
export const rootLifetimeMs = 3_650 * 86_400_000;

/** A root is valid so long before it was made: other clocks are behind. */
const backdatedMs = 3_600_000;
/** After its last SVID has ended, for clocks that are behind. */
const toleranceMs = 120_000;
const mostBytes = 1_048_576;
const fileName = 'authority.json';
/** A clock before this has not been set yet. */
const firstSaneMs = Date.UTC(2026, 0, 1);

const rootText = z.strictObject({
  certificate: z.string(),
  key: z.string().optional(),
  signsFromMs: z.number(),
  endsMs: z.number(),
});
const fileText = z.strictObject({
  trustDomain: z.string(),
  sequence: z.int(),
  roots: z.array(rootText).min(1).max(16),
});

/** Where the file is. */
export function rootsFile(folder: string): string {
  return join(folder, fileName);
}

/** What the folder has; nothing where it has none, FAILED_PRECONDITION where that cannot be used. */
export async function readRoots(folder: string): Promise<Roots | undefined> {
  const path = rootsFile(folder);
  const text = await readOwn(path, mostBytes);
  if (text === undefined) return undefined;
  try {
    const { roots, ...rest } = fileText.parse(JSON.parse(text));
    return { ...rest, roots: roots.map(rootOf) };
  } catch (reason) {
    // Nothing of the text: keys stand in it.
    const why = reason instanceof SyntaxError || reason instanceof z.ZodError ? '' : told(reason);
    const hint = `a new root is made once it is away (mv ${path} ${path}.old), which every other site must import`;
    throw new WireError(status.FAILED_PRECONDITION, `${path} is broken${why}: ${hint}`);
  }
}

/**
 * Change what the folder has, or make it, as the only one who does so now. Without an answer of `change`
 * nothing is changed.
 */
export async function changeRoots(
  folder: string,
  clock: Clock,
  change: (now: Roots | undefined) => Promise<Roots | undefined>,
): Promise<Roots | undefined> {
  await ownFolder(folder);
  await using _lock = await locked(folder, clock);
  const before = await readRoots(folder);
  const after = await change(before);
  if (after === undefined) return before;
  const roots = after.roots.map(({ certificate, key, signsFromMs, endsMs }) => ({
    ...(key === undefined ? { certificate: certificate.toString() } : textOf({ certificate, key })),
    signsFromMs,
    endsMs,
  }));
  const text = JSON.stringify({ ...after, roots }, null, 2);
  await writeOwn(rootsFile(folder), `${text}\n`);
  return after;
}

/** The first root of a trust domain; FAILED_PRECONDITION where the clock cannot be right. */
export async function firstRoots(
  trustDomain: string,
  nowMs: number,
  lifetimeMs = rootLifetimeMs,
): Promise<Roots> {
  return {
    trustDomain,
    sequence: 1,
    roots: [await makeRoot(trustDomain, nowMs, nowMs, lifetimeMs)],
  };
}

/** The same with another root, which signs from `signsFromMs` on. One that did not sign yet makes way. */
export async function withNext(
  now: Roots,
  { nowMs, signsFromMs }: { readonly nowMs: number; readonly signsFromMs: number },
  lifetimeMs = rootLifetimeMs,
): Promise<Roots> {
  const next = await makeRoot(now.trustDomain, nowMs, signsFromMs, lifetimeMs);
  const lastMs = signsFromMs + longestSvidMs + toleranceMs;
  const before = now.roots
    .filter((root) => root.signsFromMs <= nowMs)
    .map((root) => ({ ...root, endsMs: Math.min(root.endsMs, lastMs) }));
  return { ...now, sequence: now.sequence + 1, roots: [...before, next] };
}

/** Without what has ended, and without keys that sign no more; nothing where that is all as it was. */
export function pruned(now: Roots, nowMs: number): Roots | undefined {
  const signing = signingRoot(now, nowMs);
  const kept = now.roots
    .filter((root) => root.endsMs > nowMs || root === signing)
    .map((root) => (root.signsFromMs < signing.signsFromMs ? { ...root, key: undefined } : root));
  const same =
    kept.length === now.roots.length && kept.every(({ key }, at) => key === now.roots[at]?.key);
  return same ? undefined : { ...now, sequence: now.sequence + 1, roots: kept };
}

/** The root that signs now: the newest that has begun to. */
export function signingRoot({ roots }: Roots, nowMs: number): Root {
  const [first] = roots;
  if (first === undefined) throw new TypeError('no roots');
  return roots.findLast((root) => root.signsFromMs <= nowMs) ?? first;
}

async function makeRoot(
  trustDomain: string,
  nowMs: number,
  signsFromMs: number,
  lifetimeMs: number,
): Promise<Root> {
  if (nowMs < firstSaneMs) {
    const text = `this machine's clock says ${new Date(nowMs).toISOString()}: set it, then a root can be made`;
    throw new WireError(status.FAILED_PRECONDITION, text);
  }
  const made = await makeCertificate({
    uris: [`spiffe://${trustDomain}`],
    isAuthority: true,
    notBeforeMs: nowMs - backdatedMs,
    notAfterMs: nowMs + lifetimeMs,
  });
  return { ...made, signsFromMs, endsMs: Date.parse(made.certificate.validTo) };
}

function rootOf({ certificate, key, signsFromMs, endsMs }: z.infer<typeof rootText>): Root {
  const read: Pick<Root, 'certificate' | 'key'> =
    key === undefined
      ? { certificate: new Certificate(certificate), key: undefined }
      : (signedFrom({ certificate, key }) satisfies Signed);
  return { ...read, signsFromMs, endsMs };
}

function told(reason: unknown): string {
  return reason instanceof Error ? ` (${reason.message})` : '';
}

const lockPatienceMs = 5_000;
/** Making a root takes a second at most. */
const lockStaleMs = 10_000;

async function locked(folder: string, clock: Clock): Promise<AsyncDisposable> {
  const path = join(folder, 'lock');
  const untilMs = clock.now() + lockPatienceMs;
  for (;;) {
    try {
      const file = await open(path, 'wx', 0o600);
      await file.close();
      return { [Symbol.asyncDispose]: () => unlink(path).catch(() => undefined) };
    } catch (reason) {
      if (!(reason instanceof Error && 'code' in reason && reason.code === 'EEXIST')) throw reason;
    }
    const age = await stat(path).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    // Who was killed while it had it.
    if (age > lockStaleMs || age < -lockStaleMs) await unlink(path).catch(() => undefined);
    else if (clock.now() >= untilMs) {
      throw new WireError(status.UNAVAILABLE, `${path}: another process changes the roots`);
    } else await setTimeout(20);
  }
}
