// SPDX-License-Identifier: Apache-2.0
import { status } from '@grpc/grpc-js';
import { EventEmitter } from 'node:events';
import t from 'tap';
import { WireError } from '../api/errors/wire-error.js';
import { silentLogger } from '../api/log/log.js';
import { live, type Host, type Life } from './live.js';

class Stage extends EventEmitter implements Host {
  readonly said: string[] = [];
  /** The codes `exit` was called with, by whoever calls it. */
  readonly exits: number[] = [];
  #onReady: () => void = () => undefined;
  readonly ready = new Promise<void>((resolve) => (this.#onReady = resolve));
  readonly exited: Promise<void>;
  #onExit: () => void = () => undefined;
  readonly stdout = {
    write: (text: string) => {
      this.said.push(text);
      this.#onReady();
    },
    on: () => undefined,
  };

  constructor() {
    super();
    this.exited = new Promise((resolve) => (this.#onExit = resolve));
  }

  exit(code: number): void {
    this.exits.push(code);
    this.#onExit();
  }
}

function begin(change: Partial<Life> = {}) {
  const stage = new Stage();
  const closes: string[] = [];
  const running = {
    urls: ['unix:///run/x.sock'],
    close: () => {
      closes.push('closed');
      return Promise.resolve();
    },
  };
  const code = live({
    name: 'manager nmgr',
    start: () => Promise.resolve(running),
    log: silentLogger(),
    host: stage,
    ...change,
  });
  return { stage, closes, code };
}
const never = () => new Promise<never>(() => undefined);

t.test('it ends with 0 when it has to be started anew', async (t) => {
  const closes: string[] = [];
  const close = () => Promise.resolve(void closes.push('closed'));
  const running = { urls: [], close, outdated: Promise.resolve('the site file has a Site now') };
  const { stage, code } = begin({ start: () => Promise.resolve(running) });
  t.equal(await code, 0);
  t.strictSame(closes, ['closed']);
  t.strictSame(stage.said, ['manager nmgr is ready\n']);
});

t.test('it says once that it is ready, closes at a signal and ends with 0', async (t) => {
  // The last is the end of a parent that has a channel to it.
  for (const signal of ['SIGTERM', 'SIGINT', 'disconnect']) {
    const { stage, closes, code } = begin();
    await stage.ready;
    t.strictSame(stage.said, ['manager nmgr is ready (unix:///run/x.sock)\n']);
    t.strictSame(closes, []);
    stage.emit(signal);
    t.equal(await code, 0, signal);
    t.strictSame(closes, ['closed']);
  }
});

t.test('a second signal exits at once', async (t) => {
  let closed: () => void = () => undefined;
  const end = new Promise<void>((resolve) => (closed = resolve));
  const running = { urls: [], close: () => end };
  const { stage, code } = begin({ start: () => Promise.resolve(running) });
  await stage.ready;
  t.strictSame(stage.said, ['manager nmgr is ready\n']);
  stage.emit('SIGTERM');
  stage.emit('SIGINT');
  t.strictSame(stage.exits, [130]);
  closed();
  await code;
});

t.test('a close that hangs is ended', async (t) => {
  const close = { urls: [], close: never };
  const { stage } = begin({ start: () => Promise.resolve(close), closeWithinMs: 1 });
  await stage.ready;
  stage.emit('SIGTERM');
  await stage.exited;
  t.strictSame(stage.exits, [1]);
});

t.test('a close that fails is told by the exit code', async (t) => {
  const running = { urls: [], close: () => Promise.reject(new Error('no')) };
  const { stage, code } = begin({ start: () => Promise.resolve(running) });
  await stage.ready;
  stage.emit('SIGTERM');
  t.equal(await code, 1);
});

t.test('a signal before it is ready ends the start', async (t) => {
  const { stage, code } = begin({
    start: (signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      }),
  });
  stage.emit('SIGTERM');
  t.equal(await code, 0);
  t.strictSame(stage.said, []);
});

t.test('a parent that is gone before it began', async (t) => {
  const stage = Object.assign(new Stage(), { connected: false });
  const { closes, code } = begin({ host: stage });
  t.equal(await code, 0);
  t.strictSame(closes, ['closed']);
  t.strictSame(stage.said, []);
});

t.test('a start that does not heed the signal is closed once it is done', async (t) => {
  let done: () => void = () => undefined;
  const started = new Promise<void>((resolve) => (done = resolve));
  let closed = false;
  const { stage, code } = begin({
    start: async () => {
      await started;
      return {
        urls: [],
        close: () => {
          closed = true;
          return Promise.resolve();
        },
      };
    },
  });
  stage.emit('SIGTERM');
  done();
  t.equal(await code, 0);
  t.ok(closed);
  t.strictSame(stage.said, [], 'it was never ready');
});

t.test('a failed start', async (t) => {
  const refused = new WireError(status.FAILED_PRECONDITION, 'no plaintext');
  for (const reason of [refused, new Error('a bug')]) {
    const { code } = begin({ start: () => Promise.reject(reason) });
    t.equal(await code, 1);
  }
});

t.test('an error that nobody handled exits with 70', async (t) => {
  for (const event of ['unhandledRejection', 'uncaughtException']) {
    const { stage, code } = begin();
    await stage.ready;
    stage.emit(event, new Error('x'));
    t.strictSame(stage.exits, [70]);
    stage.emit('SIGTERM');
    await code;
  }
});
