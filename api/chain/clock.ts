// SPDX-License-Identifier: Apache-2.0
/** Time as a parameter, so that tests can turn it by hand (`test/doubles/manual-clock.ts`). */

/** A started timer; disposing it twice or after it fired does nothing. */
export interface Timer extends Disposable {
  /** Stop it. The same as `[Symbol.dispose]`. */
  cancel(): void;
}

/** Wall time in milliseconds since 1970 and timers on it. */
export interface Clock {
  /** Milliseconds since 1970-01-01 UTC. */
  now(): number;
  /** Run `act` once after `delayMs` milliseconds (at once where that is negative). */
  after(delayMs: number, act: () => void): Timer;
}

/** setTimeout fires at once above this. */
const longest = 2 ** 31 - 1;

const pending = new Set<Timer>();

/** How many timers of {@link systemClock} have neither fired nor been cancelled. */
export function pendingTimers(): number {
  return pending.size;
}

/**
 * The machine's own clock. Its timers do not keep a process alive. What has come in by the
 * time a timer is due is read before it acts: a process that got no CPU for a while would else
 * take answers that lie in its sockets for missing.
 */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, act) {
    let last: NodeJS.Immediate | undefined;
    const timeout = setTimeout(
      () => {
        last = setImmediate(() => {
          pending.delete(timer);
          act();
        });
      },
      Math.min(Math.max(delayMs, 0), longest),
    ).unref();
    const cancel = (): void => {
      clearTimeout(timeout);
      clearImmediate(last);
      pending.delete(timer);
    };
    const timer = { cancel, [Symbol.dispose]: cancel };
    pending.add(timer);
    return timer;
  },
};

/** Wait on a clock; rejects with the signal's reason when it is aborted. */
export function delay(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(abortReason(signal));
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(abortReason(signal));
    };
    const timer = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** The reason of an aborted signal as an Error. */
export function abortReason(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason;
  return reason instanceof Error ? reason : new DOMException('aborted', 'AbortError');
}
