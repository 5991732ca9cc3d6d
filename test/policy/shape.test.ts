// SPDX-License-Identifier: Apache-2.0
/** What every file looks like: licence, head comment, size, names. */
import { basename, join, sep } from 'node:path';
import t from 'tap';
import { exportsOf, files, isTest, root, sources, textOf } from './sources.js';

const code = files.filter(
  (path) => /\.([cm]?[jt]s|c|h|go|sh)$/.test(path) && !path.startsWith('api/gen/'),
);
const product = sources.filter((path) => !isTest(path));

/** The files that break a rule; none is right. */
function refuse(wrong: readonly string[], because: string): void {
  t.strictSame(wrong, [], because);
}

refuse(
  [...code, '.ci/run'].filter((path) => {
    const [first = '', second = ''] = textOf(path).split('\n');
    const licence = /\.bpf\.c$|^bpf\/include\//.test(path) ? /: .*(MIT|GPL)/ : /: Apache-2\.0/;
    const line = first.startsWith('#!') ? second : first;
    return !line.includes('SPDX-License-Identifier') || !licence.test(line);
  }),
  'the licence stands in the first line: whoever copies one file must see it',
);

refuse(
  code.filter((path) => {
    const most = isTest(path) ? 400 : path.endsWith('.bpf.c') ? 200 : 300;
    return textOf(path).split('\n').length - 1 > most;
  }),
  'a file has at most 300 lines (a test 400, a .bpf.c 200): split it by subject',
);

refuse(
  product.filter((path) => {
    const head = textOf(path).replace(/^(#!.*\n)?(\/\/.*\n)+/, '');
    return exportsOf(path).length > 0 && !head.startsWith('/**');
  }),
  'what exports says at its head what it is: a reader wants that before how it works',
);

refuse(
  product.flatMap((path) =>
    exportsOf(path)
      .filter(({ documented }) => !documented)
      .map(({ name }) => `${path}: ${name}`),
  ),
  'every export has a sentence: who imports it reads that, not the code',
);

const elements = product.filter(
  (path) =>
    // An example teaches how to write an element in a page; its head tells how to run it.
    !/^api\/chain\/|\/examples\//.test(path) && /\bkind(:| =) '(step|guard)'/.test(textOf(path)),
);
t.ok(elements.length > 10, 'chain elements are found');
refuse(
  elements.flatMap((path) => {
    const head = /\/\*\*[\s\S]*?\*\//.exec(textOf(path))?.[0] ?? '';
    return ['When', 'Where', 'Leaves']
      .filter((fact) => !new RegExp(`^ \\* ${fact}\\b.*:`, 'm').test(head))
      .map((fact) => `${path}: ${fact}`);
  }),
  'a chain element says "When:", "Where:" and "Leaves:" at its head: a chain is ordered by these',
);

refuse(
  files.filter((path) => /(^|\/)(utils?|common|helpers?|shared|lib|misc)\//.test(path)),
  'a folder is named for what is in it, or it becomes the drawer for everything',
);

refuse(
  code.filter(
    (path) => /\.[cm]?[tj]s$/.test(path) && !/^[a-z0-9]+([-.][a-z0-9]+)*$/.test(basename(path)),
  ),
  'file names are kebab-case: one way to write a name',
);

refuse(
  sources
    .filter((path) => path !== 'test/policy/shape.test.ts')
    .flatMap((path) =>
      textOf(path)
        .split('\n')
        .filter((line) => /eslint-disable(?!.* -- \S)|@ts-expect-error *$|@ts-ignore/.test(line))
        .map((line) => `${path}: ${line.trim()}`),
    ),
  'a rule is switched off only with a reason on its line (-- why), an error expected only with one',
);

/** Where this checkout is, and what lies beside it. A checkout just below / has too plain a name to look for. */
const places = [root, join(root, '..', 'shared')].filter((place) => place.split(sep).length > 3);
const traces = [
  // Somebody's home.
  /\/home\/[a-z]/,
  // The host of a package registry.
  /registry\.[a-z0-9-]+\.[a-z]{2,}/,
  // Where one machine got its packages from.
  /"resolved":/,
];
refuse(
  files
    .filter((path) => !/\.(binpb|png)$|^test\/policy\/shape/.test(path))
    .filter((path) => {
      const text = textOf(path);
      return (
        traces.some((trace) => trace.test(text)) || places.some((place) => text.includes(place))
      );
    }),
  'no file names a path of one machine or a package registry: it must work everywhere',
);
