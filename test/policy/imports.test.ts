// SPDX-License-Identifier: Apache-2.0
/** Who may import whom. Processes stay apart, and what needs privileges stays in one place. */
import t from 'tap';
import { files, importsOf, isTest, sources, textOf } from './sources.js';

/** What a folder may import, beside itself, and why no more; of the folders that fit, the longest counts. */
const rules: readonly (readonly [folder: string, may: readonly string[], because: string])[] = [
  ['api/errors', [], 'errors are at the bottom of everything'],
  ['api/log', ['api/errors'], 'logging is at the bottom of everything'],
  ['api/env', ['api/errors', 'api/log'], 'configuration knows no protocol'],
  [
    'api/chain',
    ['api/gen', 'api/errors', 'api/log'],
    'the machine does not know what it is made to run',
  ],
  ['api', [], 'api is what all processes share; it knows none of them, and no kernel'],
  ['bpf', ['api/errors', 'api/chain'], 'the kernel’s edge has no NSM in it'],
  ['nse', ['api'], 'processes never import each other, and an endpoint touches no kernel'],
  ['forwarder', ['api', 'bpf'], 'processes never import each other'],
  ['nsc-sidecar', ['api', 'bpf/ping'], 'processes never import each other; a client may only ping'],
  ['manager', ['api'], 'processes never import each other, and a manager touches no kernel'],
  ['webhook', ['api'], 'processes never import each other, and a webhook touches no kernel'],
  [
    'node-agent',
    ['api'],
    'processes never import each other: the forwarder is asked at its socket',
  ],
  ['lab', [], 'the harness is not the subject'],
  [
    'cli',
    [
      'api',
      'bpf/loader',
      'nse',
      'forwarder',
      'nsc-sidecar',
      'manager',
      'node-agent',
      'webhook',
      'lab',
    ],
    'the command starts processes; it does not reach past them',
  ],
];

/** What only some folders may import. */
const reserved: readonly (readonly [specifier: RegExp, folder: RegExp, because: string])[] = [
  [/^#loader$/, /^bpf\/loader\//, 'one module loads each addon'],
  [/^#netns$/, /^bpf\/netns\//, 'one module loads each addon'],
  [/^#fdpass$/, /^api\/fdpass\//, 'one module loads each addon'],
  [/^#ping$/, /^bpf\/ping\//, 'one module loads each addon'],
  [/bpf\/netns\//, /^(forwarder|bpf)\//, 'only the forwarder has CAP_SYS_ADMIN'],
  [/bpf\/loader\//, /^(forwarder|bpf|cli)\//, 'only the forwarder steers, and the command reads'],
  [/^netlink(\/|$)/, /^(forwarder|bpf)\//, 'only the forwarder changes the kernel'],
  [/^@kubernetes\//, /\/k8s\//, 'a process runs without Kubernetes too'],
  [/^typescript$/, /^test\//, 'the compiler is not shipped'],
];

const inside = (path: string, folder: string): boolean => path.startsWith(`${folder}/`);
const product = sources.filter((path) => !isTest(path));
const longestFirst = rules.toSorted(([a], [b]) => b.length - a.length);

for (const rule of longestFirst) {
  const [folder, may, because] = rule;
  const own = product.filter(
    (path) => longestFirst.find(([candidate]) => inside(path, candidate)) === rule,
  );
  const wrong = own.flatMap((from) =>
    importsOf(from)
      .map(({ path }) => path)
      .filter((to) => to !== undefined && ![folder, ...may].some((ok) => inside(to, ok)))
      .map((to) => `${from} imports ${String(to)}`),
  );
  const all = [folder, ...may].join(', ');
  t.strictSame(wrong, [], `${folder} may import only ${all}: ${because}`);
}

t.strictSame(
  product.filter((path) => !rules.some(([folder]) => inside(path, folder))),
  [],
  'each folder has a rule in this file, or nobody has thought about who may import it',
);

t.strictSame(
  product.filter((from) => importsOf(from).some(({ path }) => path !== undefined && isTest(path))),
  [],
  'nobody imports tests: they are not shipped',
);

for (const [specifier, folder, because] of reserved) {
  t.strictSame(
    product
      .filter((path) => !folder.test(path))
      .filter((path) => importsOf(path).some((one) => specifier.test(one.specifier))),
    [],
    `${specifier.source} is imported only in ${folder.source}: ${because}`,
  );
}

t.strictSame(
  product.filter((path) => !inside(path, 'api/env') && /\bprocess\s*\.\s*env\b/.test(textOf(path))),
  [],
  'only api/env reads the environment: a variable belongs into a table, which also makes help and docs',
);

const known = new Set(files);
const seen = new Map<string, 'open' | 'done'>();
const cycles: string[] = [];
function walk(path: string, way: readonly string[]): void {
  if (seen.get(path) === 'open') {
    cycles.push([...way.slice(way.indexOf(path)), path].join(' > '));
  }
  if (seen.has(path) || !known.has(path)) return;
  seen.set(path, 'open');
  for (const one of importsOf(path)) if (one.path !== undefined) walk(one.path, [...way, path]);
  seen.set(path, 'done');
}
for (const path of product) walk(path, []);
t.strictSame(
  cycles,
  [],
  'no import leads back: files that need each other are read together or not at all',
);
