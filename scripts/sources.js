// SPDX-License-Identifier: Apache-2.0
/**
 * Prepares what run-tests.js runs: each source compiled to build/sources, and tap made one file.
 * Every test file is a process: this is what it need not do.
 */
import { Buffer } from 'node:buffer';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath, URL } from 'node:url';
import { build } from 'esbuild';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = join(root, 'build/sources');
const fresh = `${target}.new`;
const rules = { outdir: fresh, format: 'esm', platform: 'node', target: 'node20' };

async function compile() {
  const files = await sources();
  const { outputFiles } = await build({
    ...rules,
    entryPoints: files,
    outbase: root,
    // Left as it is: in a loop esbuild throws an error of the round before once more.
    supported: { using: true },
    sourcemap: 'external',
    sourcesContent: false,
    write: false,
  });
  const texts = new Map(outputFiles.map(({ path, text }) => [path, text]));
  for (const file of files) {
    const path = join(fresh, relative(root, file).replace(/ts$/, 'js'));
    const source = await readFile(file, 'utf8');
    const made = /\busing\s/.test(source)
      ? typescript(source, file)
      : { text: texts.get(path), map: texts.get(`${path}.map`) };
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, withMap(made, basename(file)));
  }
}

/** As `tsc` does it, which takes ten times as long. */
function typescript(source, fileName) {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  const module = {
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
  };
  const compilerOptions = { ...options, ...module, composite: false, declaration: false };
  const { outputText, sourceMapText } = ts.transpileModule(source, { fileName, compilerOptions });
  return { text: outputText.replace(/^\/\/# sourceMappingURL=.*$/m, ''), map: sourceMapText };
}

/** A module's map is in it, and leads to the file beside which it seems to be. */
function withMap({ text, map }, name) {
  const json = JSON.stringify({ ...JSON.parse(map), sources: [name] });
  const url = `data:application/json;base64,${Buffer.from(json).toString('base64')}`;
  return `${text}//# sourceMappingURL=${url}\n`;
}

/** The files of all projects; an import says `.js` of them. */
async function sources() {
  const { references } = JSON.parse(await readFile(join(root, 'tsconfig.json'), 'utf8'));
  const found = [];
  for (const { path } of references) {
    for (const name of await readdir(join(root, path), { recursive: true })) {
      if (name.endsWith('.ts') && !name.endsWith('.d.ts')) found.push(join(root, path, name));
    }
  }
  return found;
}

/**
 * What tap starts processes with puts a recorder for coverage into each, those under test too,
 * which doubles their start: without it they run as they do for users.
 */
const unrecorded = {
  name: 'unrecorded',
  setup({ onResolve, onLoad }) {
    const [path, namespace] = ['@tapjs/processinfo', 'unrecorded'];
    onResolve({ filter: new RegExp(`^${path}$`) }, () => ({ path, namespace }));
    onLoad({ filter: /^/, namespace }, () => ({
      contents: `export * as ProcessInfo from 'node:child_process';`,
    }));
  },
};

/** In a folder whose name makes tap leave its own lines out of a stack. */
const bundle = () =>
  build({
    ...rules,
    entryPoints: { 'node_modules/@tapjs/tap': 'tap' },
    bundle: true,
    plugins: [unrecorded],
    banner: {
      js: `import { createRequire as createRequireOfBundle } from 'node:module'; const require = createRequireOfBundle(import.meta.url);`,
    },
  });

await rm(fresh, { recursive: true, force: true });
await compile();
await bundle();
await rm(target, { recursive: true, force: true });
await rename(fresh, target);
