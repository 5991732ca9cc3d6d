// SPDX-License-Identifier: Apache-2.0
/** `wanwire lab up`. */
import { abortReason } from '../../api/chain/clock.js';
import { defaultLab } from '../../lab/default.js';
import { Lab } from '../../lab/lab.js';
import { exitCodes } from '../exit-codes.js';
import { paint } from '../paint.js';
import { statusLines } from './status.js';

/** Its options. */
export interface LabUpOptions {
  readonly file?: string;
  readonly name?: string;
}

/** Make a lab; stopped by a signal, leave nothing. */
export async function upCommand({ file, name }: LabUpOptions): Promise<number> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      stop.abort(new DOMException(`stopped by ${signal}`, 'AbortError'));
    });
  }
  const began = performance.now();
  let lab: Lab;
  try {
    lab = await Lab.up(file ?? defaultLab(name), { name, signal: stop.signal });
  } catch (reason) {
    if (!stop.signal.aborted) throw reason;
    const why = abortReason(stop.signal).message;
    process.stderr.write(`wanwire lab: ${why}; nothing is left\n`);
    return exitCodes.interrupted;
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const lines = statusLines(await lab.status(), paint(process.stdout));
  process.stdout.write(`lab ${lab.name} is up, in ${seconds} s\n\n${lines.join('\n')}\n`);
  return exitCodes.ok;
}
