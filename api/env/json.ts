// SPDX-License-Identifier: Apache-2.0
/** Values written in JSON. */
import { variable, type Kind } from './table.js';

/** JSON of a shape of yours; `read` throws an Error that says what is wrong. */
export function jsonOf<T>(shape: string, read: (value: unknown) => T): Kind<T> {
  return variable(shape, (value) => {
    let parsed: unknown;
    try {
      parsed = JSON.parse(value);
    } catch (error) {
      throw new Error(`is no JSON (${error instanceof Error ? error.message : String(error)})`);
    }
    return read(parsed);
  });
}

/** Any JSON. */
export const json = jsonOf('JSON', (value) => value);
