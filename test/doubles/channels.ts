// SPDX-License-Identifier: Apache-2.0
/** Channels without a network: unary calls go to a function, streams are fed by hand. */
import { once, EventEmitter } from 'node:events';
import type { CallOptions, Channel, Channels, Method } from '../../api/grpc/channel.js';

/** One unary call as it was made. */
export interface Made {
  readonly url: string;
  readonly path: string;
  readonly request: unknown;
  readonly options: CallOptions;
}

/** One open stream; what is pushed is what its reader gets. */
export class FedStream {
  readonly url: string;
  readonly request: unknown;
  readonly options: CallOptions;
  readonly #queue: unknown[] = [];
  readonly #news = new EventEmitter();
  #end: { error?: Error } | undefined;

  constructor(url: string, request: unknown, options: CallOptions) {
    this.url = url;
    this.request = request;
    this.options = options;
    options.signal.addEventListener('abort', () => {
      this.fail(new DOMException('aborted', 'AbortError'));
    });
  }

  push(message: unknown): void {
    this.#queue.push(message);
    this.#news.emit('news');
  }

  fail(error: Error): void {
    this.#end = { error };
    this.#news.emit('news');
  }

  end(): void {
    this.#end = {};
    this.#news.emit('news');
  }

  async *read(): AsyncGenerator {
    for (;;) {
      while (this.#queue.length > 0) yield this.#queue.shift();
      if (this.#end?.error) throw this.#end.error;
      if (this.#end) return;
      await once(this.#news, 'news');
    }
  }
}

/** {@link Channels} for tests. */
export class FakeChannels implements Channels {
  readonly made: Made[] = [];
  readonly streams: FedStream[] = [];
  /** Shares by URL that are not disposed. */
  readonly shares = new Map<string, number>();
  /** What unary calls resolve to. */
  answer: (made: Made) => unknown;

  constructor(answer: (made: Made) => unknown = () => ({})) {
    this.answer = answer;
  }

  acquire(url: string): Channel {
    const count = (by: number): void => {
      const left = (this.shares.get(url) ?? 0) + by;
      if (left === 0) this.shares.delete(url);
      else this.shares.set(url, left);
    };
    count(1);
    let held = true;
    return {
      url,
      unary: async <Req, Res>({ path }: Method<Req, Res>, request: Req, options: CallOptions) => {
        const made = { url, path, request, options };
        this.made.push(made);
        return (await this.answer(made)) as Res;
      },
      stream: <Req, Res>(_: Method<Req, Res>, request: Req, options: CallOptions) => {
        const stream = new FedStream(url, request, options);
        this.streams.push(stream);
        return stream.read() as AsyncIterable<Res>;
      },
      [Symbol.dispose]: () => {
        if (held) count(-1);
        held = false;
      },
    };
  }
}
