// SPDX-License-Identifier: Apache-2.0
/** Asks at a forwarder's operator's socket. */
import { request, type IncomingMessage } from 'node:http';

const patienceMs = 5_000;
/** More than a thousand wires and strands are. */
const longestAnswer = 64 * 2 ** 20;

/** The answer as it comes, for as long as `signal` lets it; rejects where there is none within 5 s, and where it is refused. */
export async function opened(
  socketPath: string,
  path: string,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const answer = await begun(socketPath, path, signal);
  if (answer.statusCode === 200) return answer;
  answer.destroy();
  throw new Error(`GET ${path}: HTTP ${String(answer.statusCode)}`);
}

/** The answer in JSON, within 5 s; undefined where the forwarder has no site. */
export async function asked(
  socketPath: string,
  path: string,
  signal: AbortSignal,
): Promise<unknown> {
  const ended = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]);
  const answer = await begun(socketPath, path, ended);
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of answer as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > longestAnswer) throw new Error(`GET ${path}: too long an answer`);
    parts.push(part);
  }
  if (answer.statusCode === 409) return undefined;
  if (answer.statusCode !== 200) throw new Error(`GET ${path}: HTTP ${String(answer.statusCode)}`);
  try {
    return JSON.parse(Buffer.concat(parts).toString());
  } catch {
    throw new Error(`GET ${path}: no JSON`);
  }
}

function begun(socketPath: string, path: string, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath, path, signal, agent: false }, resolve);
    asking.setTimeout(patienceMs, () => asking.destroy(new Error(`GET ${path}: no answer`)));
    // Once it answers, others say how long it may be silent.
    asking.on('response', () => asking.setTimeout(0));
    asking.on('error', reject).end();
  });
}
