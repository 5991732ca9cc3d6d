// SPDX-License-Identifier: Apache-2.0
/**
 * Answers Finds for `name@site`: another site's are asked of that site, our own
 * site's are ours.
 *
 * When: on Find. Registering such names is refused by `checkNames`, and another site
 * registers nothing here.
 * Where: first in both stacks: what stands behind it knows local names only.
 * Leaves: nothing.
 *
 * Another site's manager is served with what is here, and with nothing of a third site:
 * nobody asked us to pass traffic between others.
 */
import { status } from '@grpc/grpc-js';
import { invalid, WireError } from '../../api/errors/wire-error.js';
import type { Registries, Registry, RegistryCall } from '../../api/registry/registry.js';
import { localName, nameAt, sitesOf, type Naming } from '../../api/registry/site-name.js';
import type { Sites } from '../sites/sites.js';
import type { Layer } from './stack.js';

/** The layer; `pick` is which of a site's registries it is for. */
export function otherSites<T>(
  sites: Sites,
  naming: Naming<T>,
  pick: (registries: Registries) => Registry<T>,
): Layer<T> {
  /** Where to ask; nothing for names without a site. */
  const siteOf = (call: RegistryCall, query: T): string | undefined => {
    const [site, ...others] = sitesOf(naming, query);
    if (site === undefined) return undefined;
    if (others.length > 0) throw invalid('query', naming.names(query), 'names of one site');
    if (site !== sites.own && sites.isControl(call.arrivedOn)) throw notOurs(site, sites.own);
    return site;
  };
  const checkOurs = (call: RegistryCall): void => {
    if (sites.isControl(call.arrivedOn)) throw notRegisteredHere(sites.own);
  };
  return (rest) => ({
    async register(call, entry) {
      checkOurs(call);
      return await rest.register(call, entry);
    },
    async unregister(call, entry) {
      checkOurs(call);
      await rest.unregister(call, entry);
    },
    async *find(call, query, watch) {
      const site = siteOf(call, query);
      if (site === undefined) {
        yield* rest.find(call, query, watch);
      } else if (site === sites.own) {
        const asked = naming.renamed(query, localName);
        for await (const found of rest.find(call, asked, watch)) {
          const entry = naming.renamed(found.entry, (name) => nameAt(name, site));
          yield { ...found, entry };
        }
      } else {
        yield* pick(sites.registriesOf(site)).find(call, query, watch);
      }
    },
  });
}

/** The site of a name that is neither ours nor to be passed on. */
function notOurs(site: string, own: string | undefined): WireError {
  return new WireError(
    status.PERMISSION_DENIED,
    `site ${JSON.stringify(site)}: this is site ${own ?? '(none)'}, which passes nothing on to other sites`,
  );
}

function notRegisteredHere(own: string | undefined): WireError {
  const text = `site ${own ?? '(none)'}: only its own endpoints register here, not those of other sites`;
  return new WireError(status.PERMISSION_DENIED, text);
}
