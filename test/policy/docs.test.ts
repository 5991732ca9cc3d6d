// SPDX-License-Identifier: Apache-2.0
/** The docs say what is so. */
import t from 'tap';
import { madeDocs } from '../../cli/docs.js';
import { files, textOf } from './sources.js';

for (const [path, text] of await madeDocs(textOf)) {
  t.equal(textOf(path), text, `${path} is made from the code: run npm run build:docs`);
}

const pages = files.filter((path) => path.endsWith('.md'));
const dead = pages.flatMap((page) =>
  [...textOf(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)]
    .map(([, to = '']) => new URL(to, `file:///${page}`).pathname.slice(1))
    .filter(
      (to) => !files.some((path) => path === to || path.startsWith(`${to.replace(/\/$/, '')}/`)),
    )
    .map((to) => `${page}: ${to}`),
);
t.strictSame(dead, [], 'a link leads to a file of the project');

const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
const unknown = pages.flatMap((page) =>
  [...textOf(page).matchAll(/npm run ([a-z:]+)/g)]
    .map(([, name = '']) => name)
    .filter((name) => !Object.hasOwn(scripts, name))
    .map((name) => `${page}: npm run ${name}`),
);
t.strictSame(unknown, [], 'a command in the docs is one of package.json');

const chapters = textOf('docs/architecture.md').split(/^## /m);
for (const process of ['nsc-sidecar', 'manager', 'forwarder', 'nse']) {
  const chain = textOf(`${process}/chain.ts`);
  const list = chain.slice(chain.indexOf('return compose('));
  const elements = [...list.matchAll(/(?<![.\w])([a-z]\w*)\(|parts\.(begin)\b/g)]
    .map(([, called, given]) => called ?? given ?? '')
    .filter((name) => name !== 'compose');
  const chapter = chapters.find((text) => text.includes(`${process}/chain.ts`)) ?? '';
  const told = [...chapter.matchAll(/`(\w+)`/g)].map(([, name = '']) => name);
  t.strictSame(
    told.filter((name) => elements.includes(name)),
    elements,
    `docs/architecture.md tells ${process}/chain.ts, element by element, in order`,
  );
}
