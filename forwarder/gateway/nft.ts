// SPDX-License-Identifier: Apache-2.0
/** The program `nft`, in the process's own namespace, and its errors as ours. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { status } from '@grpc/grpc-js';
import { NotSupportedError } from '../../api/errors/not-supported-error.js';
import { WireError } from '../../api/errors/wire-error.js';

/** What a gateway needs of nftables. */
export interface Nft {
  /** Do as a file with this text says: all of it or nothing. */
  apply(script: string): Promise<void>;
  /** The comment of a table of family inet, empty where it has none; nothing where there is no such table. */
  commentOf(table: string): Promise<string | undefined>;
}

/** Daemons are often started without the folders of an administrator's programs. */
const programs = ['nft', '/usr/sbin/nft', '/sbin/nft'];

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** The real one. NOT SUPPORTED names the package where it is not installed, and the kernel's options where they are off. */
export const nft: Nft = {
  async apply(script) {
    const { code, err } = await run(['-f', '-'], script);
    if (code !== 0) throw refusal(err);
  },
  async commentOf(table) {
    const { code, out, err } = await run(['list', 'table', 'inet', table]);
    if (code === 0) return /^\tcomment "(.*)"$/m.exec(out)?.[1] ?? '';
    if (err.includes('No such file or directory')) return undefined;
    throw refusal(err);
  },
};

/** What nft said on its standard error, as an error of ours. */
export function refusal(said: string): WireError {
  const [line = ''] = said.split('\n');
  if (/No such file or directory|Operation not supported|Protocol not supported/.test(said)) {
    return new NotSupportedError(
      'NAT by nftables',
      '5.2',
      `Linux 5.2 or later with NF_TABLES_INET, NFT_NAT and NFT_MASQ (nft says: ${line})`,
    );
  }
  const code = said.includes('Operation not permitted')
    ? status.PERMISSION_DENIED
    : status.INTERNAL;
  return new WireError(code, `nft: ${line}`);
}

async function run(args: readonly string[], input = ''): Promise<Ended> {
  for (const program of programs) {
    try {
      return await runAs(program, args, input);
    } catch (reason) {
      const isMissing = reason instanceof Error && 'code' in reason && reason.code === 'ENOENT';
      if (!isMissing) throw reason;
    }
  }
  throw new NotSupportedError('the program nft', '5.2', 'the package nftables');
}

async function runAs(program: string, args: readonly string[], input: string): Promise<Ended> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = once(child, 'close') as Promise<[number | null]>;
  // It may end before it has read all; its exit code tells.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [[code], out, err] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  return { code, out, err };
}
