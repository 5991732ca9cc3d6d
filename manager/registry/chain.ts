// SPDX-License-Identifier: Apache-2.0
/** Both registries of the manager, layer by layer: what happens to an entry, in order. */
import type { Clock } from '../../api/chain/clock.js';
import type { NetworkService, NetworkServiceEndpoint } from '../../api/gen/registry.js';
import type { Security } from '../../api/identity/security.js';
import type { Logger } from '../../api/log/log.js';
import type { Labels } from '../../api/registry/match.js';
import type { Registries } from '../../api/registry/registry.js';
import { SocketFiles } from '../../api/registry/socket-files.js';
import { endpointNaming, serviceNaming } from '../../api/registry/site-name.js';
import type { NetworkServiceDocument } from '../../api/site/types.js';
import { Sites } from '../sites/sites.js';
import { checkEndpointNames, checkServiceNames } from './check-names.js';
import { endpointInfo } from './client-info.js';
import { expire } from './expire.js';
import { fileServices } from './file-services.js';
import { localBypass } from './local-bypass.js';
import { endpointKind, memory, serviceKind, type Memory } from './memory.js';
import { otherSites } from './other-sites.js';
import { ownedEndpoints, ownedServices } from './owner.js';
import { registryPath } from './path.js';
import { setPayload } from './set-payload.js';
import { setRegistrationTime } from './set-registration-time.js';
import { socketFiles } from './socket-files.js';
import { stack, type Layer } from './stack.js';

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
  /** None where it is not given. */
  readonly security?: Security;
  /** Whether an owner's ID is of a pod of this node that is gone: what it registered here is free. */
  readonly isOwnerGone?: (id: string) => boolean;
  /** Stores that outlive this process; in memory where not given. */
  readonly stores?: Stores;
}

/** Where entries are kept. */
export interface Stores {
  readonly services: Memory<NetworkService>;
  readonly endpoints: Memory<NetworkServiceEndpoint>;
  /** Whether an endpoint has registered with this manager. */
  readonly isOurs: (name: string) => boolean;
  /** Services that are declared there: then those of the site's files are not looked at. */
  readonly declared: Layer<NetworkService>;
}

/** Registries that end, and that take the services of the site's files. */
export type ManagerRegistries = Registries &
  Disposable & {
    readonly declare: (documents: readonly NetworkServiceDocument[]) => Promise<void>;
  };

/** The registries of one manager. */
export function registries(options: RegistryOptions): ManagerRegistries {
  const { expireMs, info, publicUrl, clock, log, security } = options;
  const sites = options.sites ?? new Sites({ source: undefined, clock, log });
  const { stores } = options;
  const services = stores?.services ?? memory<NetworkService>(serviceKind);
  const endpoints = stores?.endpoints ?? memory<NetworkServiceEndpoint>(endpointKind);
  const { isOwnerGone = () => false } = options;
  const isOurs = stores?.isOurs ?? (() => true);
  /** A forwarder's next pod has another identity, and may be there before the entry of the last has expired. */
  const owned = (name: string): NetworkServiceEndpoint | undefined => {
    const entry = endpoints.get(name);
    return isOurs(name) && isOwnerGone(entry?.pathIds[0] ?? '') ? undefined : entry;
  };
  const sockets = new SocketFiles();
  const expiry = expire({ periodMs: expireMs, clock, log });
  const files = fileServices(services, (name) => endpoints.has(name));
  return {
    services: stack(
      services,
      registryPath(security),
      otherSites(sites, serviceNaming, (of) => of.services),
      checkServiceNames(),
      stores?.declared ?? files.layer,
      ownedServices(services, security),
      setPayload(),
    ),
    endpoints: stack(
      endpoints,
      registryPath(security),
      socketFiles(sockets),
      otherSites(sites, endpointNaming, (of) => of.endpoints),
      checkEndpointNames(),
      ownedEndpoints({ get: owned }, security),
      localBypass(publicUrl, isOurs),
      endpointInfo(info),
      setRegistrationTime(endpoints),
      expiry.layer,
    ),
    declare: async (documents) => {
      if (stores !== undefined) return;
      await files.set({ signal: new AbortController().signal, clock, log }, documents);
    },
    [Symbol.dispose]: () => {
      expiry[Symbol.dispose]();
      sockets[Symbol.dispose]();
    },
  };
}
