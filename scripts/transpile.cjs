// SPDX-License-Identifier: Apache-2.0
/**
 * Transpiles for tap's ts-node (tsconfig.json names it), once for each text: every
 * test file is a process of its own, and most of them load the same sources.
 */
'use strict';
const { version } = require('typescript/package.json');
const { remembered } = require('./remembered.cjs');

/** ts-node's interface of a transpiler. */
exports.create = ({ service }) => {
  const rules = [version, service.config.options];
  return {
    transpile: (input, { fileName }) =>
      remembered('transpile', [...rules, fileName, input], () =>
        transpiled(input, fileName, service.config.options),
      ),
  };
};

function transpiled(input, fileName, options) {
  // Loading it takes half a second; mostly there is nothing to do.
  const ts = require('typescript');
  const compilerOptions = {
    ...options,
    // All of it is ESM; the compiler would look for a package.json, which is not there in memory.
    ...{ module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler },
    // One file at a time.
    ...{ composite: false, declaration: false, incremental: false, noEmit: false },
    ...{ sourceMap: true, inlineSourceMap: false, inlineSources: true },
  };
  const { outputText, sourceMapText } = ts.transpileModule(input, { fileName, compilerOptions });
  return { outputText, sourceMapText };
}
