// SPDX-License-Identifier: Apache-2.0
/** A file's permissions, in octal as chmod takes them. */
import { variable } from '../api/env/table.js';

/** Permission bits such as `0660`. */
export const fileMode = variable('octal permissions such as 0600', (value) => {
  if (!/^0?[0-7]{3}$/.test(value)) throw new Error('is no octal mode');
  return Number.parseInt(value, 8);
});
