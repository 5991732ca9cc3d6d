// SPDX-License-Identifier: Apache-2.0
/** What the docs show of sites, policies and labs is right, and what they say of mistakes is said. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { parsePolicies } from '../../api/site/policy.js';
import { readSiteFiles } from '../../api/site/read.js';
import { parseLabFile } from '../../lab/file/read.js';
import { files, textOf } from './sources.js';

const site = `apiVersion: wanwire.io/v1alpha1
kind: Site
metadata: {name: docs}
spec:
  links:
    - {name: fibre, device: wan0, class: low-latency, trusted: true}
    - {name: lte, device: wan1, trusted: true}
`;

const blocks = files
  .filter((path) => path.endsWith('.md'))
  .flatMap((page) =>
    [...textOf(page).matchAll(/^```ya?ml\n([\s\S]*?)^```/gm)].map(([, text = '']) => ({
      page,
      text,
    })),
  )
  .filter(({ text }) => /^apiVersion: (wanwire|networkservicemesh)\.io\//.test(text));

t.ok(blocks.length >= 4, 'there are examples');
const labs = blocks.filter(({ text }) => /^kind: Lab$/m.test(text));
t.ok(labs.length > 0, 'there is a lab');
for (const { page, text } of labs) t.doesNotThrow(() => parseLabFile(text, page));

for (const { page, text } of blocks.filter((block) => !labs.includes(block))) {
  t.test(`${page}: ${text.split('\n').slice(1, 3).join(' ')}`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'ww-docs-'));
    t.teardown(() => rm(folder, { recursive: true }));
    for (const bundle of ['cloud.pem', 'cloud.json']) await writeFile(join(folder, bundle), '');
    const path = join(folder, 'example.yaml');
    const whole = /^kind: Site$/m.test(text) ? text : `${site}---\n${text}`;
    await writeFile(path, whole);
    await t.resolves(readSiteFiles([path]));
    if (!/^kind: (Site|NetworkService)$/m.test(text)) t.ok(parsePolicies(text, page).length > 0);
  });
}
