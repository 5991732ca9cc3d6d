// SPDX-License-Identifier: Apache-2.0
/**
 * What a site's endpoint registers, as a value: files in, entries out.
 *
 * Each service of a policy (`wan`, steered) by its site alone and by each link;
 * each service that is pinned to a class (`wan-bulk`) by each link of the class.
 * The links are this site's: by their labels a client's side chooses where it
 * comes out, while the class of its sessions is resolved on the client's own links.
 */
import { classOf, pinnedService, type ServicePolicy, servicesOf } from '../../api/site/classes.js';
import type { SiteFiles, SiteLink } from '../../api/site/types.js';

/** Labels by name. */
export type Labels = Readonly<Record<string, string>>;

/** One endpoint as the registry has it. */
export interface Entry {
  readonly name: string;
  /** Its services, each with the labels that a service's matches look at. */
  readonly services: Readonly<Record<string, Labels>>;
}

/** Everything the endpoint registers. */
export interface Plan {
  /** Services that no document of the site names, in order: those the manager registers itself. */
  readonly services: readonly string[];
  /** In order; no two have one name. */
  readonly entries: readonly Entry[];
}

/**
 * What to register for these files; nothing where the site is no gateway. `qualityOf` are the
 * labels that a link has beside those of its file.
 */
export function planOf(files: SiteFiles, qualityOf: (link: string) => Labels = () => ({})): Plan {
  const { site, networkServices } = files;
  if (site.gateway === undefined) return { services: [], entries: [] };
  const declared = new Set(networkServices.map(({ name }) => name));
  const all = servicesOf(files);
  const entries = new Map<string, Entry>();
  const add = (tail: string, service: string, labels: Labels): void => {
    const name = `${site.name}-${tail}`;
    const before = entries.get(name)?.services;
    entries.set(name, { name, services: { ...before, [service]: labels } });
  };
  for (const one of all) {
    const links = linksOf(one, files);
    const isWhole = isSteered(one, files) || links.length === 0;
    if (isWhole) add(one.service, one.service, { site: site.name });
    for (const link of links) {
      const labels = { ...qualityOf(link.name), ...labelsOf(link, site.name) };
      add(`${one.service}-${link.name}`, one.service, labels);
    }
  }
  return {
    services: all.map(({ service }) => service).filter((service) => !declared.has(service)),
    entries: [...entries.values()],
  };
}

/** Labels of an entry that is for one link. */
function labelsOf({ name, class: ofClass, network, billing }: SiteLink, site: string): Labels {
  return { link: name, class: ofClass, network, billing, site };
}

/** The links of the service's class; all of them where its sessions have rules. */
function linksOf(one: ServicePolicy, files: SiteFiles): readonly SiteLink[] {
  const { links } = files.site;
  if (isSteered(one, files)) return links;
  const wanted = classOf(one.policy, one.policy.default).links;
  return links.filter((link) =>
    wanted.some(
      ({ name = link.name, class: ofClass = link.class }) =>
        name === link.name && ofClass === link.class,
    ),
  );
}

/** Not pinned to a class. */
function isSteered({ service, policy }: ServicePolicy, { policies }: SiteFiles): boolean {
  if (policies.length === 0) return service !== pinnedService('wan', policy.default);
  return policies.some(({ services }) => services.includes(service));
}
