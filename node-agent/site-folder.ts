// SPDX-License-Identifier: Apache-2.0
/**
 * The files that the other processes of this node follow: written whole or not at all (rename), only
 * where they change, bundles before the text that names them and removed after it.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments, type Document } from 'yaml';
import type { KubeObject } from '../api/k8s/types.js';
import { nameOf } from './desired.js';

const siteFile = 'site.yaml';

/** See the head of this file. */
export class SiteFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Whether a former life has written it. */
  async isThere(): Promise<boolean> {
    return (await this.#read(siteFile)) !== undefined;
  }

  /** What the text that is there says of each object, by kind and name; nothing where nobody has written one. */
  async objects(): Promise<ReadonlyMap<string, KubeObject>> {
    const text = (await this.#read(siteFile))?.toString() ?? '';
    const objects = new Map<string, KubeObject>();
    for (const document of parseAllDocuments(text)) {
      const object = (document as Document).toJS() as KubeObject | null;
      if (object !== null && document.errors.length === 0) objects.set(nameOf(object), object);
    }
    return objects;
  }

  /** Put the bundles there; whether one has changed. Others stay: the text that is there may name them. */
  async place(bundles: ReadonlyMap<string, Buffer>): Promise<boolean> {
    await mkdir(this.path, { recursive: true });
    let changed = false;
    for (const [name, content] of bundles) changed = (await this.#write(name, content)) || changed;
    return changed;
  }

  /** Put the text there, and take away bundles that it does not name; whether the text has changed. */
  async write(text: string, bundles: ReadonlyMap<string, Buffer>): Promise<boolean> {
    await mkdir(this.path, { recursive: true });
    const changed = await this.#write(siteFile, Buffer.from(text));
    for (const name of await readdir(this.path)) {
      if (name !== siteFile && !bundles.has(name)) await rm(join(this.path, name), { force: true });
    }
    return changed;
  }

  async #write(name: string, content: Buffer): Promise<boolean> {
    const before = await this.#read(name);
    if (before?.equals(content) === true) return false;
    const next = join(this.path, `.${name}.new`);
    await writeFile(next, content, { mode: 0o644 });
    await rename(next, join(this.path, name));
    return true;
  }

  async #read(name: string): Promise<Buffer | undefined> {
    return await readFile(join(this.path, name)).catch(() => undefined);
  }
}
