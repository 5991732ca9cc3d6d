// SPDX-License-Identifier: Apache-2.0
/** What stands twice where it may stand once. */

/** Calls `tell` with each item whose key an earlier one has; items without a key are left out. */
export function repeated<T>(
  items: readonly T[],
  keyOf: (item: T) => string | undefined,
  tell: (item: T, key: string, first: T) => void,
): void {
  const seen = new Map<string, T>();
  for (const item of items) {
    const key = keyOf(item);
    if (key === undefined) continue;
    const first = seen.get(key);
    if (first === undefined) seen.set(key, item);
    else tell(item, key, first);
  }
}
