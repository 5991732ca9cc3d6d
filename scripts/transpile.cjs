// SPDX-License-Identifier: Apache-2.0
/**
 * Transpiles for tap's ts-node (tsconfig.json names it), once for each text: every
 * test file is a process of its own, and most of them load the same sources.
 */
'use strict';
const { createHash } = require('node:crypto');
const { mkdirSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const ts = require('typescript');

const cache = join(__dirname, '..', 'node_modules', '.cache', 'wanwire-transpile');

/** ts-node's interface of a transpiler. */
exports.create = ({ service }) => {
  const compilerOptions = {
    ...service.config.options,
    // All of it is ESM; the compiler would look for a package.json, which is not there in memory.
    ...{ module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler },
    // One file at a time.
    ...{ composite: false, declaration: false, incremental: false, noEmit: false },
    ...{ sourceMap: true, inlineSourceMap: false, inlineSources: true },
  };
  const rules = JSON.stringify([ts.version, compilerOptions]);
  mkdirSync(cache, { recursive: true });
  return {
    transpile(input, { fileName }) {
      const key = createHash('sha256').update(`${rules}\0${fileName}\0${input}`).digest('hex');
      const path = join(cache, `${key}.json`);
      try {
        return JSON.parse(readFileSync(path, 'utf8'));
      } catch {
        const { outputText, sourceMapText } = ts.transpileModule(input, {
          fileName,
          compilerOptions,
        });
        const made = { outputText, sourceMapText };
        // Two processes may make the same: whoever is last puts a whole file in its place.
        writeFileSync(`${path}.${process.pid}`, JSON.stringify(made));
        renameSync(`${path}.${process.pid}`, path);
        return made;
      }
    },
  };
};
