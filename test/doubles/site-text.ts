// SPDX-License-Identifier: Apache-2.0
/** A site's file that is right, line by line, and what is said of one with mistakes. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { readSiteFiles } from '../../api/site/read.js';
import { SiteError } from '../../api/site/site-error.js';

const right = [
  'apiVersion: wanwire.io/v1alpha1',
  'kind: Site',
  'metadata: {name: edge}',
  'spec:',
  '  links:',
  '    - {name: fibre, device: wan0, class: low-latency, trusted: true}',
  '    - {name: lte, device: wan1, trusted: true}',
  '  peers: [{site: cloud, control: ["203.0.113.10:5001"]}]',
  '---',
  'apiVersion: wanwire.io/v1alpha1',
  'kind: SteeringPolicy',
  'metadata: {name: default}',
  'spec:',
  '  services: [wan]',
  '  classes:',
  '    bulk: {links: [{name: lte}]}',
  '  rules:',
  '    - {name: a, match: {dscp: [ef]}, class: bulk}',
  '    - {name: b, match: {dscp: [0]}, class: low-latency}',
  '  default: best-effort',
];

/** The right file; lines, from 1, can be replaced. */
export function siteText(lines: Readonly<Record<number, string>> = {}): string {
  return right.map((line, at) => lines[at + 1] ?? line).join('\n');
}

/** What is wrong in files 0, 1 and so on, as `FILE:LINE:COLUMN FIELD: TEXT`; the folder is FOLDER. */
export async function mistakesOf(
  t: Test,
  ...texts: readonly (string | Uint8Array)[]
): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'ww-site-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const paths = texts.map((_, at) => join(folder, String(at)));
  for (const [at, path] of paths.entries()) await writeFile(path, texts[at] ?? '');
  const error: unknown = await readSiteFiles(paths).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error === undefined) return [];
  if (!(error instanceof SiteError)) throw new Error('not a SiteError', { cause: error });
  return error.mistakes.map(({ file, line, column, field, text }) => {
    const place = [file, line, column].filter((part) => part !== undefined).join(':');
    return `${place} ${field}: ${text}`.replaceAll(`${folder}/`, '');
  });
}

/** Lines to replace, and the only mistake there is then: its line, its field, how its text begins. */
export type MistakeTable = readonly (readonly [
  lines: Readonly<Record<number, string>>,
  mistake: string,
])[];

/** Each line of the table. */
export function checkMistakes(t: Test, table: MistakeTable): void {
  for (const [lines, mistake] of table) {
    t.test(Object.values(lines).join(' ').trim(), async (t) => {
      const [first = 'no mistake', ...more] = await mistakesOf(t, siteText(lines));
      const withoutColumn = first.replace(/^0:(\d+):\d+ /, '$1 ');
      t.equal(withoutColumn.slice(0, mistake.length), mistake);
      t.strictSame(more, [], 'and no more');
    });
  }
}
