// SPDX-License-Identifier: Apache-2.0
/** Files with policies: with a Site they are one whole, without one each stands by itself. */
import { servicesOf, type ServicePolicy } from '../../api/site/classes.js';
import { documentsOf } from '../../api/site/documents.js';
import { parsePolicies } from '../../api/site/policy.js';
import { siteFilesOf, textOf, type SiteText } from '../../api/site/read.js';
import { type Mistake, SiteError } from '../../api/site/site-error.js';
import type { Site, SteeringPolicy } from '../../api/site/types.js';

/** What was read. */
export interface Loaded {
  /** Nothing where no file has one: which links there are is not known then. */
  readonly site: Site | undefined;
  readonly policies: readonly SteeringPolicy[];
  /** Without a Site those of the policies alone. */
  readonly services: readonly ServicePolicy[];
}

/** Read them; throws a SiteError with every mistake. */
export async function loadPolicies(paths: readonly string[]): Promise<Loaded> {
  const texts = await Promise.all(paths.map(textOf));
  if (texts.some(isOfSite)) {
    const files = await siteFilesOf(texts);
    return { site: files.site, policies: files.policies, services: servicesOf(files) };
  }
  const mistakes: Mistake[] = [];
  const policies = texts.flatMap(({ path, text, error }) => {
    try {
      if (text !== undefined) return parsePolicies(text, path);
      mistakes.push({
        file: path,
        line: undefined,
        column: undefined,
        field: '',
        text: error ?? '',
      });
    } catch (reason) {
      if (!(reason instanceof SiteError)) throw reason;
      mistakes.push(...reason.mistakes);
    }
    return [];
  });
  if (mistakes.length > 0) throw new SiteError(mistakes);
  const services = policies.flatMap((policy) =>
    policy.services.map((service) => ({ service, policy })),
  );
  return { site: undefined, policies, services };
}

function isOfSite({ path, text }: SiteText): boolean {
  if (text === undefined) return false;
  return documentsOf(text, path).documents.some(({ kind }) => kind !== 'SteeringPolicy');
}
