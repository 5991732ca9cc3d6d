// SPDX-License-Identifier: Apache-2.0
/** What the doctor looks at, as a table for docs/troubleshooting.md. */
import { checks } from '../doctor/checks.js';
import { table } from './markdown.js';

/** One row for each finding. */
export function doctorTable(): string {
  return table(
    ['Finding', 'Needed for', 'What is wrong without it', 'What to do'],
    checks.map(({ name, neededFor, means, cure }) => [
      `**${name}**`,
      neededFor === 'now' ? 'this version' : neededFor,
      means,
      cure,
    ]),
  );
}
