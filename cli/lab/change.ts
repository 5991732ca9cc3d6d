// SPDX-License-Identifier: Apache-2.0
/** `wanwire lab set`. */
import { Lab } from '../../lab/lab.js';
import { exitCodes } from '../exit-codes.js';
import { paint } from '../paint.js';
import { linkLines } from './status.js';

/** Its options, as they stand on the command line. */
export interface SetOptions {
  readonly name?: string;
  readonly delay?: string;
  readonly jitter?: string;
  readonly loss?: string;
  readonly rate?: string;
  readonly mtu?: string;
  readonly down?: boolean;
  readonly up?: boolean;
  readonly plain?: boolean;
  readonly toward?: string;
}

/** Change a link, and show both its ends. */
export async function changeLink(
  link: string,
  { name, mtu, ...change }: SetOptions,
): Promise<number> {
  const lab = await Lab.open(name);
  await lab.set(link, { ...change, mtu: mtu === undefined ? undefined : Number(mtu) });
  const { links } = await lab.status();
  const other = links.find((one) => one.link === link)?.to;
  const ends = links.filter((one) => one.link === link || one.link === other);
  process.stdout.write(`${linkLines(ends, paint(process.stdout)).join('\n')}\n`);
  return exitCodes.ok;
}
