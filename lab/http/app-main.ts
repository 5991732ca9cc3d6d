// SPDX-License-Identifier: Apache-2.0
/**
 * The app of the lab, as a program: several users' requests over shared connections. Argument: its
 * {@link AppOptions} as JSON. Prints `ready`, then an {@link Answered} a line. It ends when all loads
 * have, or when its standard input does: then it sends nothing more and waits for what is under way.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { AnswerError, callers } from './call.js';
import { token, type Answered, type AppOptions, type Load } from './types.js';

const options = JSON.parse(process.argv[2] ?? '{}') as AppOptions;
const { target, loads, first = 1, timeoutMs = 30_000 } = options;
const send = callers(target);
const numbers = new Map<string, number>();
const underWay = new Set<Promise<void>>();
const stop = new AbortController();

async function one({ user, protocol, bytes = 200 }: Load): Promise<void> {
  const number = numbers.get(user) ?? first;
  numbers.set(user, number + 1);
  const atMs = performance.timeOrigin + performance.now();
  const began = performance.now();
  const size = Math.max(bytes, token(user, number).length);
  const late = AbortSignal.timeout(timeoutMs);
  let error: string | undefined;
  try {
    await send[protocol]({ user, number, bytes: size, signal: late });
  } catch (reason) {
    error = late.aborted ? 'timeout' : nameOf(reason);
  }
  const tookMs = performance.now() - began;
  const answered: Answered = { user, number, protocol, atMs, tookMs, ...(error && { error }) };
  process.stdout.write(`${JSON.stringify(answered)}\n`);
}

function nameOf(reason: unknown): string {
  if (reason instanceof AnswerError) return reason.message;
  const { code, message } = reason as { code?: unknown; message?: string };
  // gRPC's codes are numbers that say little.
  return typeof code === 'string' ? code : (message ?? String(reason));
}

/** At even distances, from a moment of its own: no two users send at once for ever. */
async function paced(load: Load, perSecond: number, at: number): Promise<void> {
  const stepMs = 1000 / perSecond;
  let next = performance.now() + (stepMs * at) / loads.length;
  for (let sent = 0; sent < (load.count ?? Infinity) && !stop.signal.aborted; sent++) {
    const waitMs = next - performance.now();
    if (waitMs > 0 && !(await waited(waitMs))) return;
    const asked = one(load);
    underWay.add(asked);
    void asked.then(() => underWay.delete(asked));
    next += stepMs;
  }
}

/** False where all is to stop. */
function waited(ms: number): Promise<boolean> {
  return sleep(ms, true, { signal: stop.signal }).catch(() => false);
}

async function oneAfterTheOther(load: Load): Promise<void> {
  let left = load.count ?? Infinity;
  const row = async (): Promise<void> => {
    while (left-- > 0 && !stop.signal.aborted) await one(load);
  };
  await Promise.all(Array.from({ length: load.atATime ?? 1 }, row));
}

process.stdin.on('end', () => stop.abort()).resume();
process.stdout.write('ready\n');
await Promise.all(
  loads.map((load, at) =>
    load.perSecond === undefined ? oneAfterTheOther(load) : paced(load, load.perSecond, at),
  ),
);
await Promise.all(underWay);
// Connections stay open, and standard input may.
process.stdout.write('', () => process.exit());
