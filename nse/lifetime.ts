// SPDX-License-Identifier: Apache-2.0
/** Something that is built step by step, and undone in the opposite order: when a step fails, at a signal, or at the end. */

/** How what was built is undone, the last first. */
export type Undo = (() => unknown)[];

/**
 * Build it; resolves to what was built and how to end it (once is enough). Where that fails
 * everything is undone first. `signal` ends it at any time, but for a step that is under way:
 * `mayGoOn` is for the builder to ask after the first that takes its time.
 */
export async function lifetime<T>(
  signal: AbortSignal | undefined,
  build: (undo: Undo, mayGoOn: () => void) => Promise<T>,
): Promise<{ readonly value: T; readonly close: () => Promise<void> }> {
  const undo: Undo = [];
  let closing: Promise<void> | undefined;
  const unwind = async (): Promise<void> => {
    signal?.removeEventListener('abort', onAbort);
    for (let act = undo.pop(); act !== undefined; act = undo.pop()) await act();
  };
  const close = (): Promise<void> => (closing ??= unwind());
  const onAbort = (): void => void close();
  const mayGoOn = (): void => {
    signal?.throwIfAborted();
    signal?.addEventListener('abort', onAbort, { once: true });
  };
  try {
    return { value: await build(undo, mayGoOn), close };
  } catch (reason) {
    await close();
    signal?.throwIfAborted();
    throw reason;
  }
}
