// SPDX-License-Identifier: Apache-2.0
/**
 * Files that nobody else may read or write: the folder is 0700, what is in it 0600, and both
 * are ours. What was changed by others is not put right but refused, with what to do.
 */
import { randomUUID } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { lstat, mkdir, open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { status } from '@grpc/grpc-js';
import { WireError } from '../../api/errors/wire-error.js';

/** Make the folder where there is none; FAILED_PRECONDITION where it is not ours alone. */
export async function ownFolder(path: string): Promise<void> {
  const found = await folderAt(path);
  if (!found.isDirectory())
    throw refused(path, 'is no folder', `move it away: mv ${path} ${path}.old`);
  checkOwn(path, found, 0o700);
}

/** A file's text; nothing where there is none, FAILED_PRECONDITION where it is not ours alone. */
export async function readOwn(path: string, mostBytes: number): Promise<string | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(absent(path));
  if (file === undefined) return undefined;
  try {
    const found = await file.stat();
    if (!found.isFile()) throw refused(path, 'is no file', `move it away: mv ${path} ${path}.old`);
    checkOwn(path, found, 0o600);
    if (found.size > mostBytes) {
      const much = `has ${String(found.size)} bytes, more than ${String(mostBytes)}`;
      throw refused(path, much, `move it away: mv ${path} ${path}.old`);
    }
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/** Put the text there, whole and at once. */
export async function writeOwn(path: string, text: string): Promise<void> {
  const fresh = `${path}.${randomUUID()}`;
  try {
    const file = await open(fresh, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(fresh, path);
  } catch (reason) {
    await unlink(fresh).catch(() => undefined);
    throw told(path, reason);
  }
  // The name, too, is to outlive a power cut.
  const folder = await open(dirname(path), 'r');
  await folder.sync().finally(() => folder.close());
}

async function folderAt(path: string): Promise<Stats> {
  try {
    const before = await lstat(path).catch(absent(path));
    if (before !== undefined) return before;
    await mkdir(dirname(path), { recursive: true });
    await mkdir(path, { mode: 0o700 }).catch((reason: unknown) => {
      // Another process of ours was quicker.
      if (codeOf(reason) !== 'EEXIST') throw reason;
    });
    return await lstat(path);
  } catch (reason) {
    throw told(path, reason);
  }
}

function checkOwn(path: string, found: Stats, want: number): void {
  const own = process.getuid?.() ?? -1;
  if (found.uid !== own) {
    const whose = `belongs to uid ${String(found.uid)}, and this process is uid ${String(own)}`;
    throw refused(path, whose, `look who made it, then: chown ${String(own)} ${path}`);
  }
  const mode = found.mode & 0o7777;
  if ((mode & 0o077) === 0) return;
  const text = `has mode ${octal(mode)}: others may have read or changed it`;
  throw refused(path, text, `look who did, then: chmod ${octal(want)} ${path}`);
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

function refused(path: string, what: string, so: string): WireError {
  return new WireError(status.FAILED_PRECONDITION, `${path} ${what} (${so})`);
}

function absent(path: string) {
  return (reason: unknown): undefined => {
    if (codeOf(reason) === 'ENOENT') return undefined;
    if (codeOf(reason) === 'ELOOP') {
      throw refused(path, 'is a symbolic link', `put the file itself there, or remove the link`);
    }
    throw told(path, reason);
  };
}

/** What keeps us from a file, as a refusal. */
function told(path: string, reason: unknown): unknown {
  const code = codeOf(reason);
  if (reason instanceof WireError || typeof code !== 'string') return reason;
  const text = `${path} cannot be used: ${reason instanceof Error ? reason.message : code}`;
  const may = code === 'EACCES' || code === 'EPERM';
  const hint = may || code === 'EROFS' ? ' (WANWIRE_TRUST_DIR names another folder)' : '';
  const kind = may ? status.PERMISSION_DENIED : status.FAILED_PRECONDITION;
  return new WireError(kind, `${text}${hint}`, { cause: reason });
}

function codeOf(reason: unknown): unknown {
  return reason instanceof Error && 'code' in reason ? reason.code : undefined;
}
