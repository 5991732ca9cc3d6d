// SPDX-License-Identifier: Apache-2.0
/** Answers that cost time and depend on nothing but their question, kept for other processes. */
'use strict';
const { createHash } = require('node:crypto');
const { mkdirSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const cache = join(__dirname, '..', 'node_modules', '.cache');

/** The answer to a question: the one that is kept under `name`, or else a new one. */
exports.remembered = (name, question, answer) => {
  const folder = join(cache, `wanwire-${name}`);
  const key = createHash('sha256').update(JSON.stringify(question)).digest('hex');
  const path = join(folder, `${key}.json`);
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    const made = answer();
    mkdirSync(folder, { recursive: true });
    // Two processes may make the same: whoever is last puts a whole file in its place.
    writeFileSync(`${path}.${process.pid}`, JSON.stringify(made));
    renameSync(`${path}.${process.pid}`, path);
    return made;
  }
};
