// SPDX-License-Identifier: Apache-2.0
/** Client, manager and endpoint, each ours or NSM's own, and our forwarder between them. */
import { existsSync } from 'node:fs';
import type { Player, World } from '../../lab/world.js';
import { command } from '../stage/command.js';
import { until } from '../stage/up.js';
import { program } from './programs.js';

/** Whose program plays a part. */
export type Whose = 'ours' | 'theirs';

/** Who plays what; the forwarder is always ours. */
export interface Pairing {
  readonly client: Whose;
  readonly manager: Whose;
  readonly endpoint: Whose;
}

/** Every pairing, ours first. */
export const pairings: readonly Pairing[] = (['ours', 'theirs'] as const).flatMap((client) =>
  (['ours', 'theirs'] as const).flatMap((manager) =>
    (['ours', 'theirs'] as const).map((endpoint) => ({ client, manager, endpoint })),
  ),
);

/** Each part runs under a group of its own, so that an agent can tell them apart. */
export const groups: ReadonlyMap<string, number> = new Map(
  ['manager', 'registry', 'forwarder', 'endpoint', 'client', 'judge'].map((part, at) => [
    part,
    7_001 + at,
  ]),
);

/** The service that they meet at. */
export const service = 'icmp-responder';

/** One stage's settings. */
export interface Cast {
  readonly world: World;
  /** `SPIFFE_ENDPOINT_SOCKET` of all. */
  readonly agent: string;
  readonly pairing: Pairing;
  readonly payload: 'IP' | 'ETHERNET';
  /**
   * Of tokens. A wire is refreshed after a fifth of it, and a server closes it when all but a Request's
   * deadline (15 s) is over: with 20 s that is a race on a busy machine, which has been lost.
   */
  readonly lifetime: string;
}

/** Where the manager listens. */
export function managerUrl({ world }: Cast): string {
  return `unix://${world.path('nsm.io.sock')}`;
}

/** Where the forwarder listens. */
export function forwarderUrl({ world }: Cast): string {
  return `unix://${world.path('forwarder.sock')}`;
}

type Settings = Readonly<Record<string, string>>;

/** A process under its part's group; ready with its first line. */
async function start(
  cast: Cast,
  part: string,
  name: string,
  program: readonly string[],
  settings: Settings,
  namespace: 'own' | Player = 'own',
): Promise<Player> {
  const group = String(groups.get(part));
  const as = ['setpriv', '--regid', group, '--clear-groups', '--', 'sh', '-c'];
  const env = {
    SPIFFE_ENDPOINT_SOCKET: cast.agent,
    NSM_MAX_TOKEN_LIFETIME: cast.lifetime,
    NSM_LOG_LEVEL: 'INFO',
    NSM_NAME: name,
    TMPDIR: cast.world.directory,
    ...settings,
  };
  const words = [...as, 'ip link set lo up && exec "$@"', name, ...program];
  return cast.world.start({ name, command: words, env, namespace });
}

const ours = (what: string): readonly string[] => [process.execPath, command(), what];

/** The manager, with a registry where it is NSM's own. */
export async function manager(cast: Cast): Promise<void> {
  const listen = { NSM_LISTEN_ON: managerUrl(cast) };
  if (cast.pairing.manager === 'ours') {
    await start(cast, 'manager', 'manager', ours('manager'), listen);
    return;
  }
  const registry = `unix://${cast.world.path('registry.sock')}`;
  const binary = [program('registry-memory')];
  const beside = await start(cast, 'registry', 'registry', binary, { NSM_LISTEN_ON: registry });
  await until('a registry', () => existsSync(cast.world.path('registry.sock')));
  const more = {
    NSM_LISTEN_ON: `${managerUrl(cast)},tcp://127.0.0.1:5001`,
    NSM_REGISTRY_URL: registry,
  };
  await start(cast, 'manager', 'nsmgr', [program('nsmgr')], more, beside);
  await until('a manager', () => existsSync(cast.world.path('nsm.io.sock')));
}

/** Our forwarder, which registers with whichever manager there is. */
export async function forwarder(cast: Cast): Promise<Player> {
  return start(cast, 'forwarder', 'forwarder', ours('forwarder'), {
    NSM_CONNECT_TO: managerUrl(cast),
    NSM_LISTEN_ON: forwarderUrl(cast),
    WANWIRE_STATE_DIR: cast.world.path('forwarder'),
  });
}

/** An endpoint whose addresses are of one /24. */
export async function endpoint(
  cast: Cast,
  name: string,
  prefix: string,
  more: Settings = {},
): Promise<Player> {
  const theirs = cast.pairing.endpoint === 'theirs';
  return start(cast, 'endpoint', name, theirs ? [program('icmp-responder')] : ours('nse'), {
    NSM_CONNECT_TO: managerUrl(cast),
    NSM_CIDR_PREFIX: prefix,
    NSM_SERVICE_NAMES: service,
    NSM_PAYLOAD: cast.payload,
    ...more,
  });
}

/** A client with a wire `nsm-1`, in the namespace of a pod. */
export async function client(cast: Cast, pod: Player, more: Settings = {}): Promise<Player> {
  const theirs = cast.pairing.client === 'theirs';
  const settings = {
    NSM_CONNECT_TO: managerUrl(cast),
    NSM_NETWORK_SERVICES: `kernel://${service}/nsm-1`,
    ...(theirs ? { NSM_LOCAL_DNS_SERVER_ENABLED: 'false' } : {}),
    ...more,
  };
  return start(cast, 'client', 'nsc', theirs ? [program('nsc')] : ours('nsc'), settings, pod);
}
