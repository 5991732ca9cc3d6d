// SPDX-License-Identifier: Apache-2.0
/**
 * A compiler for tap's ts-node, where TS_NODE_COMPILER names it, which asks it twice in
 * each process for the meaning of tsconfig.json, and for nothing else while
 * transpile.cjs does the work. TypeScript itself takes half a second to load:
 * what it says is remembered by what it was asked.
 */
'use strict';
const { existsSync, readFileSync } = require('node:fs');
const { join } = require('node:path');
const { version } = require('typescript/package.json');
const { remembered } = require('./remembered.cjs');

const ask = (question, ...words) =>
  remembered('compiler', [version, question.toString(), ...words], () =>
    question(require('typescript'), ...words),
  );
const readFile = (path) => readFileSync(path, 'utf8');

module.exports = {
  version,
  ...ask(({ ScriptTarget, ModuleKind, JsxEmit }) => ({ ScriptTarget, ModuleKind, JsxEmit })),
  sys: { fileExists: existsSync, readFile, useCaseSensitiveFileNames: true, newLine: '\n' },
  createGetCanonicalFileName: () => (name) => name,
  formatDiagnostics: (...given) => require('typescript').formatDiagnostics(...given),
  findConfigFile: () => join(__dirname, '..', 'tsconfig.json'),
  readConfigFile: (path) =>
    ask((ts, name, text) => ts.parseConfigFileTextToJson(name, text), path, readFile(path)),
  parseJsonConfigFileContent: (config, _host, folder, _options, path) =>
    ask(
      // It has no files of its own: ts-node compiles what is imported.
      (ts, ...[raw, base, name]) =>
        ts.parseJsonConfigFileContent(raw, { ...ts.sys, readDirectory: () => [] }, base, {}, name),
      config,
      folder,
      path,
    ),
  // For a transpiler that ts-node makes in any case, and does not use.
  fixupCompilerOptions: (options) => ({ ...options }),
  getDefaultCompilerOptions: () => ({}),
  transpileOptionValueCompilerOptions: [],
  getNewLineCharacter: () => '\n',
};
