// SPDX-License-Identifier: Apache-2.0
/** Answers of a forwarder's operator's socket that are lines, as they come. */
import { request, type IncomingMessage } from 'node:http';
import { refusal, unanswered, type ForwarderSocket } from './operator-client.js';

/** What {@link operatorLines} asks. */
export interface LinesQuestion {
  readonly path: string;
  readonly signal: AbortSignal;
  /** Called once it has let us in. */
  readonly begun?: (() => void) | undefined;
  /** How long that may take, in milliseconds. */
  readonly patienceMs?: number;
}

const usualPatienceMs = 5_000;

/**
 * Each line. Ends with the signal, and where the forwarder ends it; throws UNAVAILABLE where
 * there is none, and what it says where it refuses.
 */
export async function* operatorLines(
  node: ForwarderSocket,
  question: LinesQuestion,
): AsyncGenerator<string> {
  const { signal, begun } = question;
  const answer = await ask(node, question);
  if (answer === undefined) return;
  if (answer.statusCode !== 200) throw refusal(answer.statusCode ?? 0, await textOf(answer));
  begun?.();
  yield* linesOf(answer, signal);
}

/** Nothing where the signal came first. */
function ask(
  node: ForwarderSocket,
  { path, signal, patienceMs = usualPatienceMs }: LinesQuestion,
): Promise<IncomingMessage | undefined> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath: node.socket, path, signal }, resolve);
    asking.setTimeout(patienceMs, () => {
      asking.destroy(new DOMException('no answer', 'TimeoutError'));
    });
    // Once it answers it may say nothing for days.
    asking.on('response', () => asking.setTimeout(0));
    asking.on('error', (reason) => {
      if (signal.aborted) resolve(undefined);
      else reject(unanswered(node, reason, patienceMs));
    });
    asking.end();
  });
}

async function* linesOf(answer: IncomingMessage, signal: AbortSignal): AsyncGenerator<string> {
  let rest = '';
  try {
    for await (const part of answer.setEncoding('utf8') as AsyncIterable<string>) {
      const lines = (rest + part).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } catch (reason) {
    // A forwarder that was killed says no goodbye.
    const code = (reason as { code?: string }).code;
    if (!signal.aborted && code !== 'ECONNRESET') throw reason;
  }
}

async function textOf(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of answer.setEncoding('utf8') as AsyncIterable<string>) text += part;
  return text;
}
