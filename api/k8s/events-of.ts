// SPDX-License-Identifier: Apache-2.0
/** A watch's answer, line by line, until the API server ends it or falls silent. */
import { UnreachableError } from '../errors/unreachable-error.js';
import type { KubeObject, WatchEvent } from './types.js';
import { refusalError, type Asked, type Refusal } from './errors.js';
import { failure, type Answer, type Wish } from './rest.js';

/** Far more than etcd takes of an object, in bytes. */
const longestLine = 32 * 2 ** 20;

/** The events; throws where there was an error, returns where the API server has ended it. */
export async function* eventsOf<T extends KubeObject>(
  { body }: Answer,
  wish: Wish,
  asked: Asked,
  silenceMs: number,
): AsyncIterable<WatchEvent<T>> {
  const silence = setTimeout(() => {
    const text = `watch ${asked.resource.plural} at ${asked.server}: silent for ${String(silenceMs / 1_000)} s`;
    body.destroy(new UnreachableError(text));
  }, silenceMs);
  try {
    let rest = '';
    body.setEncoding('utf8');
    for await (const part of body) {
      silence.refresh();
      const lines = (rest + String(part)).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > longestLine) {
        throw new UnreachableError(
          `watch ${asked.resource.plural} at ${asked.server}: no end of line`,
        );
      }
      for (const line of lines) if (line !== '') yield event<T>(line, asked);
    }
  } catch (reason) {
    throw failure(reason, wish, asked.server);
  } finally {
    clearTimeout(silence);
    body.destroy();
  }
}

function event<T extends KubeObject>(line: string, asked: Asked): WatchEvent<T> {
  const read = JSON.parse(line) as
    WatchEvent<T> | { readonly type: 'ERROR'; readonly object: Refusal };
  if (read.type !== 'ERROR') return read;
  throw refusalError(read.object.code ?? 500, read.object, asked);
}
