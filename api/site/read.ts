// SPDX-License-Identifier: Apache-2.0
/**
 * Reads a site's files: YAML documents of the kinds Site (one), SteeringPolicy
 * and NetworkService. All mistakes are told at once, each with its line.
 */
import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { TextDecoder } from 'node:util';
import { type ServicePolicy, servicesOf } from './classes.js';
import type { SiteDocument } from './document.js';
import { documentsOf, type KindDocument, readNetworkService } from './documents.js';
import { type KnownLinks, readPolicy } from './policy-document.js';
import { repeated } from './repeated.js';
import { linkNames, readSite } from './site.js';
import { type Mistake, SiteError } from './site-error.js';
import type { Site, SiteFiles, SteeringPolicy } from './types.js';

/** Rule sets that the kernel's tables hold, beside the one for services without a policy. */
const mostServices = 15;

/** What the files say together; throws a SiteError with every mistake in them. */
export async function readSiteFiles(paths: readonly string[]): Promise<SiteFiles> {
  const texts = await Promise.all(paths.map(textOf));
  return siteFilesOf(texts);
}

/** A file that was read, or why it was not. */
export interface SiteText {
  readonly path: string;
  readonly text: string | undefined;
  readonly error?: string;
}

/** A file's text; what keeps it from being read is a mistake like others. */
export async function textOf(path: string): Promise<SiteText> {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
    return { path, text };
  } catch (reason) {
    if (!(reason instanceof Error)) throw reason;
    const utf8 = 'code' in reason && reason.code === 'ERR_ENCODING_INVALID_ENCODED_DATA';
    return {
      path,
      text: undefined,
      error: utf8 ? 'is not UTF-8 text' : `cannot be read: ${reason.message}`,
    };
  }
}

/** As {@link readSiteFiles}, of texts that were read before; trust bundles are looked for. */
export async function siteFilesOf(texts: readonly SiteText[]): Promise<SiteFiles> {
  const documents: KindDocument[] = [];
  const mistakes: Mistake[] = [];
  for (const { path, text, error } of texts) {
    if (text === undefined) {
      mistakes.push({
        file: path,
        line: undefined,
        column: undefined,
        field: '',
        text: error ?? '',
      });
      continue;
    }
    const found = documentsOf(text, path);
    documents.push(...found.documents);
    mistakes.push(...found.mistakes);
  }
  const files = assemble(documents);
  await checkBundles(documents);
  for (const { document } of documents) mistakes.push(...document.mistakes);
  const of = (kind: string) => documents.filter((one) => one.kind === kind);
  if (of('Site').length === 0 && mistakes.length === 0) {
    const file = texts.map(({ path }) => path).join(', ');
    const text = 'there is no Site: want one document with `kind: Site`';
    mistakes.push({ file, line: undefined, column: undefined, field: '', text });
  }
  if (mistakes.length > 0 || files === undefined) throw new SiteError(inOrder(mistakes, texts));
  return files;
}

/** By file and line, whoever found them. */
function inOrder(mistakes: readonly Mistake[], texts: readonly SiteText[]): readonly Mistake[] {
  const place = new Map(texts.map(({ path }, at) => [path, at]));
  return mistakes.toSorted(
    (a, b) =>
      (place.get(a.file) ?? 0) - (place.get(b.file) ?? 0) ||
      (a.line ?? 0) - (b.line ?? 0) ||
      (a.column ?? 0) - (b.column ?? 0),
  );
}

function assemble(documents: readonly KindDocument[]): SiteFiles | undefined {
  const of = (kind: string): SiteDocument[] =>
    documents.filter((one) => one.kind === kind).map(({ document }) => document);
  const [first, ...others] = of('Site');
  const site = first && readSite(first);
  for (const other of others)
    other.wrong(['kind'], `no second Site beside that at ${first?.place ?? ''}`);
  const links: KnownLinks | undefined = first && {
    names: linkNames(first, 'name'),
    classes: linkNames(first, 'class'),
  };
  const policies = of('SteeringPolicy').map((document) => ({
    document,
    policy: readPolicy(document, links),
  }));
  const services = of('NetworkService');
  const networkServices = services.map(readNetworkService);
  for (const all of [of('SteeringPolicy'), services]) namedOnce(all);
  const whole = policies.flatMap(({ policy }) => policy ?? []);
  if (site === undefined || whole.length < policies.length) return undefined;
  checkServices(policies, site);
  return { site, policies: whole, networkServices: networkServices.flatMap((one) => one ?? []) };
}

function namedOnce(documents: readonly SiteDocument[]): void {
  const path = ['metadata', 'name'];
  repeated(
    documents,
    (document) => {
      const name = document.raw(path);
      return typeof name === 'string' ? name : undefined;
    },
    (document, _, first) =>
      document.wrong(path, `a name that the one at ${first.place} does not have`),
  );
}

interface Read {
  readonly document: SiteDocument;
  readonly policy: SteeringPolicy | undefined;
}

/** Each service has one policy, and there are not too many. */
function checkServices(policies: readonly Read[], site: Site): void {
  const services: (ServicePolicy & { readonly at: SiteDocument })[] = [];
  for (const { document, policy } of policies) {
    if (policy === undefined) continue;
    const own = servicesOf({ site, policies: [policy], networkServices: [] });
    services.push(...own.map((one) => ({ ...one, at: document })));
  }
  repeated(
    services,
    ({ service }) => service,
    ({ service, at }, _, first) => {
      const own = first.at === at ? 'this policy' : `the policy at ${first.at.place}`;
      at.wrong(['spec', 'services'], `services that ${own} does not make (${service})`);
    },
  );
  const last = services[mostServices]?.at;
  last?.wrong(
    ['spec', 'services'],
    `at most ${String(mostServices)} services, those for each class counted ` +
      `(there are ${String(services.length)}: ${services.map(({ service }) => service).join(', ')})`,
  );
}

async function checkBundles(documents: readonly KindDocument[]): Promise<void> {
  for (const { kind, document } of documents) {
    if (kind !== 'Site') continue;
    for (const at of document.indices(['spec', 'peers'])) {
      const path = ['spec', 'peers', at, 'trustBundle'];
      const given = document.raw(path);
      if (typeof given !== 'string' || given === '' || given.includes('\0')) continue;
      const file = resolve(dirname(document.file), given);
      const found = await stat(file).catch(() => undefined);
      if (found?.isFile() !== true) document.wrong(path, `a file that is there (${file} is not)`);
    }
  }
}
