// SPDX-License-Identifier: Apache-2.0
/** The usual cast: wanwire's processes on one machine, their sockets in the stage's directory. */
import type { Player, Role, World } from './world.js';

/** Settings that go to every process; `NSM_*` and `WANWIRE_*` names. */
export type Settings = Readonly<Record<string, string>>;

function socket(world: World): string {
  return `unix://${world.path('manager.sock')}`;
}

/** Where the manager gives identities to the others. */
export function agentSocket(world: World): string {
  return `unix://${world.path('agent.sock')}`;
}

/** From the manager, unless the settings say that there are to be none (`WANWIRE_INSECURE`). */
function identity(world: World, settings: Settings): Settings {
  if (settings['WANWIRE_INSECURE'] === 'true') return {};
  return { SPIFFE_ENDPOINT_SOCKET: agentSocket(world) };
}

/** The manager (nsmgr and registry), on a unix socket; an authority of its own, unless it has another agent or none. */
export function manager(world: World, settings: Settings = {}): Role {
  const asked = settings['SPIFFE_ENDPOINT_SOCKET'] ?? settings['WANWIRE_INSECURE'];
  const own = {
    WANWIRE_AGENT_LISTEN_ON: agentSocket(world),
    WANWIRE_TRUST_DIR: world.path('trust'),
  };
  const env = {
    ...(asked === undefined ? own : {}),
    NSM_NAME: 'manager',
    NSM_LISTEN_ON: socket(world),
    ...settings,
  };
  return { name: 'manager', command: 'manager', env };
}

/** The forwarder of this machine. */
export function forwarder(world: World, settings: Settings = {}): Role {
  const env = {
    ...identity(world, settings),
    NSM_NAME: 'forwarder',
    NSM_CONNECT_TO: socket(world),
    NSM_LISTEN_ON: `unix://${world.path('forwarder.sock')}`,
    WANWIRE_STATE_DIR: world.path('forwarder'),
    ...settings,
  };
  return { name: 'forwarder', command: 'forwarder', env };
}

/** An endpoint in a network namespace of its own. */
export function endpoint(world: World, name: string, settings: Settings = {}): Role {
  const own = { NSM_NAME: name, NSM_CONNECT_TO: socket(world), TMPDIR: world.directory };
  return {
    name,
    command: 'nse',
    env: { ...identity(world, settings), ...own, ...settings },
    namespace: 'own',
  };
}

/** A client in a network namespace of its own. */
export function client(world: World, name: string, settings: Settings = {}): Role {
  const own = { NSM_NAME: name, NSM_CONNECT_TO: socket(world) };
  const env = { ...identity(world, settings), ...own, ...settings };
  return { name, command: 'nsc', env, namespace: 'own' };
}

/** A network namespace and nothing in it: a pod whose wires somebody else asks for. */
export async function pod(world: World, name: string): Promise<Player> {
  return world.start({
    name,
    command: ['sh', '-c', 'echo ready; exec sleep 3600'],
    namespace: 'own',
  });
}
