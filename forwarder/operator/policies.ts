// SPDX-License-Identifier: Apache-2.0
/**
 * The policies that an operator applied, kept in a folder: `NAME.yaml`, the
 * document as it came, after a line that says what the file is.
 *
 * A file is written beside its place and renamed, so a killed process leaves
 * the old one or the new one. What cannot be understood is told, left where it
 * is and not used.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../../api/log/log.js';
import { policyDocuments } from './documents.js';
import type { PolicyDocument } from './operator.js';

const version = 1;
const head = `# wanwire: a policy that was applied, format ${String(version)}\n`;
const suffix = '.yaml';
const unfinished = '.new';

/** See the head of this file. Synchronous: the files are few and small. */
export class AppliedPolicies {
  readonly #folder: string;
  readonly #documents = new Map<string, PolicyDocument>();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** What a former life kept there; the folder is made where it is not there. */
  static open(folder: string, log: Logger): AppliedPolicies {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const policies = new AppliedPolicies(folder);
    for (const file of readdirSync(folder).sort()) {
      const path = join(folder, file);
      if (file.endsWith(unfinished)) rmSync(path, { force: true });
      if (!file.endsWith(suffix)) continue;
      try {
        const document = read(path, file.slice(0, -suffix.length));
        policies.#documents.set(document.policy.name, document);
      } catch (reason) {
        log.error({ err: reason, file: path }, 'an applied policy cannot be read and is not used');
      }
    }
    return policies;
  }

  /** All of them, in the order of names. */
  get all(): readonly PolicyDocument[] {
    return [...this.#documents.values()].toSorted((a, b) => {
      return a.policy.name < b.policy.name ? -1 : 1;
    });
  }

  get(name: string): PolicyDocument | undefined {
    return this.#documents.get(name);
  }

  /** Keep these, over those of the same names. Where one cannot be written, none is kept. */
  save(documents: readonly PolicyDocument[]): void {
    const files = documents.map(({ policy, text }) => {
      const path = this.#path(policy.name);
      return { path, next: `${path}${unfinished}`, text: `${head}${text}` };
    });
    try {
      for (const { next, text } of files) writeFileSync(next, text, { mode: 0o600 });
    } catch (reason) {
      for (const { next } of files) rmSync(next, { force: true });
      throw reason;
    }
    for (const { path, next } of files) renameSync(next, path);
    for (const one of documents) this.#documents.set(one.policy.name, one);
  }

  /** Keep it no more; an unknown one is gone already. */
  delete(name: string): void {
    if (!this.#documents.has(name)) return;
    rmSync(this.#path(name), { force: true });
    this.#documents.delete(name);
  }

  /** A policy's name has no slash and does not begin with a dot: its schema says so. */
  #path(name: string): string {
    return join(this.#folder, `${name}${suffix}`);
  }
}

function read(path: string, name: string): PolicyDocument {
  const text = readFileSync(path, 'utf8');
  if (!text.startsWith(head)) throw new TypeError(`the first line is not ${JSON.stringify(head)}`);
  const [document, ...more] = policyDocuments(text.slice(head.length), path);
  if (document === undefined || more.length > 0 || document.policy.name !== name) {
    throw new TypeError(`want one policy with the name ${name}`);
  }
  return document;
}
