// SPDX-License-Identifier: Apache-2.0
/** Node's hooks of compiled.js: a module is the `.ts` file, its text that in build/sources. */
import { existsSync, readFileSync } from 'node:fs';
import { URL } from 'node:url';

const { href: root } = new URL('..', import.meta.url);
const { href: built } = new URL('build/sources/', root);
const tap = new URL('node_modules/@tapjs/tap.js', built);

const compiled = (url) => new URL(url.slice(root.length, -'ts'.length) + 'js', built);
const isSource = (url) => url?.startsWith(root) && url.endsWith('.ts');

export function resolve(specifier, context, next) {
  if (isSource(context.parentURL)) {
    if (specifier === 'tap') return { url: tap.href, format: 'module', shortCircuit: true };
    if (/^\.\.?\/.*\.js$/.test(specifier)) {
      const { href: url } = new URL(specifier.replace(/js$/, 'ts'), context.parentURL);
      if (existsSync(compiled(url))) return { url, format: 'module', shortCircuit: true };
    }
  }
  return next(specifier, context);
}

export function load(url, context, next) {
  if (!isSource(url)) return next(url, context);
  return { format: 'module', source: readFileSync(compiled(url)), shortCircuit: true };
}
