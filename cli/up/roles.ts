// SPDX-License-Identifier: Apache-2.0
/**
 * Which processes a site is, and the environment of each: all names, sockets
 * and folders follow from the site's name and one folder.
 */
import { join } from 'node:path';
import { common } from '../../api/env/common.js';
import { readEnvironment, type Environment } from '../../api/env/read-environment.js';
import type { Table } from '../../api/env/table.js';
import type { Site } from '../../api/site/types.js';
import { table as forwarder } from '../../forwarder/config.js';
import { table as manager } from '../../manager/config.js';
import { table as endpoint } from '../../nse/config.js';
import { table as own } from './config.js';

/** One process of a site. */
export interface Role {
  readonly name: 'manager' | 'forwarder' | 'endpoint';
  /** The subcommand. */
  readonly command: 'manager' | 'forwarder' | 'nse';
  /** Its whole environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** Where a site's things are. */
export interface Place {
  readonly directory: string;
  /** The manager's, for clients: `unix:///...`. */
  readonly managerUrl: string;
  /** The forwarder's. */
  readonly forwarderUrl: string;
  /** Where the manager gives identities: `unix:///...`. */
  readonly agentUrl: string;
  /** The site's files as they are in force, as one. */
  readonly file: string;
}

/** All of a site's places; its folder is /run/wanwire/SITE where none is given. */
export function placeOf(site: string, directory?: string): Place {
  const folder = directory ?? `/run/wanwire/${encodeURIComponent(site)}`;
  return {
    directory: folder,
    managerUrl: `unix://${join(folder, 'nsm.io.sock')}`,
    forwarderUrl: `unix://${join(folder, 'forwarder.sock')}`,
    agentUrl: `unix://${join(folder, 'agent.sock')}`,
    file: join(folder, 'site.yaml'),
  };
}

/** The processes of a site in the order in which they start; an endpoint only where it is a gateway. */
export function rolesOf(
  site: Pick<Site, 'name' | 'gateway'>,
  place: Place,
  env: Environment,
): readonly Role[] {
  const { name } = site;
  const { directory, managerUrl } = place;
  const files = { WANWIRE_SITE_FILE: place.file };
  const agent = agentOf(place, env);
  const client = { ...files, ...agent.client, NSM_CONNECT_TO: managerUrl };
  const roles: Role[] = [
    {
      name: 'manager',
      command: 'manager',
      env: {
        ...passed(env, manager),
        ...files,
        ...agent.manager,
        NSM_NAME: name,
        NSM_LISTEN_ON: managerUrl,
      },
    },
    {
      name: 'forwarder',
      command: 'forwarder',
      env: {
        ...passed(env, forwarder),
        ...client,
        NSM_NAME: `${name}-forwarder`,
        NSM_LISTEN_ON: place.forwarderUrl,
        WANWIRE_STATE_DIR: join(directory, 'forwarder'),
      },
    },
  ];
  if (site.gateway === undefined) return roles;
  return [
    ...roles,
    {
      name: 'endpoint',
      command: 'nse',
      env: {
        ...passed(env, endpoint),
        ...client,
        NSM_NAME: endpointName(name),
        // Where it ends alone, because the site is no gateway any more.
        NSM_UNREGISTER_ITSELF: 'true',
        WANWIRE_STATE_DIR: join(directory, 'endpoint'),
        WANWIRE_FORWARDER_SOCKET: join(directory, 'forwarder', 'operator.sock'),
      },
    },
  ];
}

/** Who gives identities: the agent that the environment names, else the manager; nobody without identities. */
function agentOf(place: Place, env: Environment) {
  const none = { manager: {}, client: {} };
  const { SPIFFE_ENDPOINT_SOCKET, WANWIRE_INSECURE } = common;
  const { config } = readEnvironment({ SPIFFE_ENDPOINT_SOCKET, WANWIRE_INSECURE }, env);
  const url = env['WANWIRE_AGENT_LISTEN_ON'] ?? place.agentUrl;
  const asked = config.SPIFFE_ENDPOINT_SOCKET ?? url;
  // Whoever asks this site's own socket means what is behind it.
  if (config.WANWIRE_INSECURE || asked !== url) return none;
  return {
    manager: { WANWIRE_AGENT_LISTEN_ON: url },
    client: { SPIFFE_ENDPOINT_SOCKET: url },
  };
}

/** The name of a site's endpoint process. */
export function endpointName(site: string): string {
  return `${site}-wan`;
}

/** What of the environment a process gets: all that is not ours, and what both it and `up` know. */
function passed(env: Environment, known: Table): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined &&
        (!/^(NSM|WANWIRE)_/.test(entry[0]) ||
          (Object.hasOwn(known, entry[0]) && Object.hasOwn(own, entry[0]))),
    ),
  );
}
