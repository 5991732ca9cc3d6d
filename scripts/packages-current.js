// SPDX-License-Identifier: Apache-2.0
/** Exits 0 when node_modules holds what package-lock.json asks for, by npm's own record of what it installed. */
import { readFileSync } from 'node:fs';
import process from 'node:process';

try {
  const wanted = JSON.parse(readFileSync('package-lock.json', 'utf8')).packages;
  const found = JSON.parse(readFileSync('node_modules/.package-lock.json', 'utf8')).packages;
  const stale = Object.entries(wanted).some(
    ([path, { version, optional }]) =>
      path !== '' && found[path]?.version !== version && (!optional || path in found),
  );
  process.exitCode = stale ? 1 : 0;
} catch {
  process.exitCode = 1;
}
