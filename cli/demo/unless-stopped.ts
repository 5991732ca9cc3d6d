// SPDX-License-Identifier: Apache-2.0
/** The end of a story that is stopped half way. */
import { abortReason } from '../../api/chain/clock.js';

/** When stopped, the acts fail on what is being taken away under them; nobody asks any more. */
export async function unlessStopped<T>(acts: Promise<T>, signal: AbortSignal): Promise<T> {
  acts.catch(() => undefined);
  const stopped = new Promise<never>((_resolve, reject) => {
    if (signal.aborted) reject(abortReason(signal));
    signal.addEventListener('abort', () => {
      reject(abortReason(signal));
    });
  });
  return Promise.race([acts, stopped]);
}
