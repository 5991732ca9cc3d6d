// SPDX-License-Identifier: Apache-2.0
/** Both registries of the manager, layer by layer: what happens to an entry, in order. */
import type { Clock } from '../../api/chain/clock.js';
import type { NetworkService, NetworkServiceEndpoint } from '../../api/gen/registry.js';
import type { Logger } from '../../api/log/log.js';
import { matchesEndpoint, matchesService, type Labels } from '../../api/registry/match.js';
import type { Registries } from '../../api/registry/registry.js';
import { endpointNaming, serviceNaming } from '../../api/registry/site-name.js';
import type { NetworkServiceDocument } from '../../api/site/types.js';
import { Sites } from '../sites/sites.js';
import { checkEndpointNames, checkServiceNames } from './check-names.js';
import { endpointInfo } from './client-info.js';
import { expire } from './expire.js';
import { fileServices } from './file-services.js';
import { localBypass } from './local-bypass.js';
import { memory } from './memory.js';
import { otherSites } from './other-sites.js';
import { ownedEndpoints, ownedServices } from './owner.js';
import { setPayload } from './set-payload.js';
import { setRegistrationTime } from './set-registration-time.js';
import { stack } from './stack.js';

/** What the registries depend on. */
export interface RegistryOptions {
  /** How long an endpoint lives that does not refresh (`NSM_EXPIRE_PERIOD`). */
  readonly expireMs: number;
  /** Labels such as `nodeName`. */
  readonly info: Labels;
  /** Where other nodes reach this manager; asked at each Find, known only once it listens. */
  readonly publicUrl: () => string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** Our site and the others; there are none where it is not given. */
  readonly sites?: Sites;
}

/** Registries that end, and that take the services of the site's files. */
export type ManagerRegistries = Registries &
  Disposable & {
    readonly declare: (documents: readonly NetworkServiceDocument[]) => Promise<void>;
  };

/** The registries of one manager. */
export function registries(options: RegistryOptions): ManagerRegistries {
  const { expireMs, info, publicUrl, clock, log } = options;
  const sites = options.sites ?? new Sites({ source: undefined, clock, log });
  const services = memory<NetworkService>({
    noun: 'network service',
    matches: matchesService,
    keys: () => [],
  });
  const endpoints = memory<NetworkServiceEndpoint>({
    noun: 'endpoint',
    matches: matchesEndpoint,
    keys: (endpoint) => endpoint.networkServiceNames,
  });
  const expiry = expire({ periodMs: expireMs, clock, log });
  const files = fileServices(services, (name) => endpoints.has(name));
  return {
    services: stack(
      services,
      otherSites(sites, serviceNaming, (of) => of.services),
      checkServiceNames(),
      files.layer,
      ownedServices(services),
      setPayload(),
    ),
    endpoints: stack(
      endpoints,
      otherSites(sites, endpointNaming, (of) => of.endpoints),
      checkEndpointNames(),
      ownedEndpoints(endpoints),
      localBypass(publicUrl),
      endpointInfo(info),
      setRegistrationTime(endpoints),
      expiry.layer,
    ),
    declare: (documents) =>
      files.set({ signal: new AbortController().signal, clock, log }, documents),
    [Symbol.dispose]: () => {
      expiry[Symbol.dispose]();
    },
  };
}
