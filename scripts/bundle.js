// SPDX-License-Identifier: Apache-2.0
/**
 * Makes one program of the command and the packages it uses: dist/bin/wanwire.js, with
 * a file for each part that is loaded only when it is needed. A process that reads
 * a thousand small files before it does anything starts half as fast.
 */
import { rename, rm } from 'node:fs/promises';
import { fileURLToPath, URL } from 'node:url';
import { build } from 'esbuild';

const dist = fileURLToPath(new URL('../dist', import.meta.url));

await rm(`${dist}/bin.new`, { recursive: true, force: true });
await build({
  entryPoints: { wanwire: `${dist}/cli/main.js` },
  outdir: `${dist}/bin.new`,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // A package's ES module has named exports, however it is imported.
  mainFields: ['module', 'main'],
  // Stacks tell names and lines as they are.
  minify: false,
  // What is built from C, and Envoy.
  external: ['#*'],
  // Packages in CommonJS ask for Node's modules so.
  banner: {
    js: `import { createRequire as createRequireOfBundle } from 'node:module'; const require = createRequireOfBundle(import.meta.url);`,
  },
  logLevel: 'warning',
});
await rm(`${dist}/bin`, { recursive: true, force: true });
await rename(`${dist}/bin.new`, `${dist}/bin`);
