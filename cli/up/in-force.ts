// SPDX-License-Identifier: Apache-2.0
/**
 * The site's files as they are in force: one file, which the site's processes
 * read. A text with a mistake never gets there, so a process that is started
 * again in the meantime finds what the others have.
 */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { siteFilesOf, type SiteText, textOf } from '../../api/site/read.js';
import type { SiteFiles } from '../../api/site/types.js';
import { yamlDocuments } from '../../api/site/yaml.js';

/** What may keep right files from coming into force. */
export type Objection = (files: SiteFiles) => Error | undefined;

/** Put `paths` in force at `file`, as one and at once; rejects with a SiteError where they have a mistake now. */
export async function putInForce(
  paths: readonly string[],
  file: string,
  objection: Objection = () => undefined,
): Promise<SiteFiles> {
  const texts = await Promise.all(paths.map(textOf));
  const files = await siteFilesOf(texts);
  const reason = objection(files);
  if (reason !== undefined) throw reason;
  await mkdir(dirname(file), { recursive: true });
  const fresh = `${file}.new`;
  await writeFile(fresh, joined(texts));
  await rename(fresh, file);
  return files;
}

/** All documents of right files as one text, of which nothing is relative to a file. */
export function joined(texts: readonly SiteText[]): string {
  const from = texts.map(({ path }) => resolve(path));
  const documents = texts.flatMap(({ path, text = '' }) =>
    yamlDocuments(text, path).documents.map(({ value }) =>
      JSON.stringify(absolute(value, dirname(resolve(path)))),
    ),
  );
  const head = `# In force. Made by wanwire up; what to change is ${from.join(' and ')}`;
  return `${head}\n${documents.join('\n---\n')}\n`;
}

interface Peers {
  readonly spec?: { readonly peers?: readonly { readonly trustBundle?: string }[] };
}

/** Of a document that was found right: it is a Site, or has no peers. */
function absolute(document: unknown, folder: string): unknown {
  const { spec } = document as Peers;
  if (spec?.peers === undefined) return document;
  const peers = spec.peers.map((peer) =>
    peer.trustBundle ? { ...peer, trustBundle: resolve(folder, peer.trustBundle) } : peer,
  );
  return { ...(document as Peers), spec: { ...spec, peers } };
}
