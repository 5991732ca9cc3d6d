// SPDX-License-Identifier: Apache-2.0
/** A SPIRE server and agent for one test: each group of the machine's that is asked for gets an ID of its own. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Player, World } from '../../lab/world.js';
import { until } from '../stage/up.js';
import { program } from './programs.js';

const exec = promisify(execFile);

/** The trust domain of it. */
export const domain = 'interop.test';

/** Starts both; the answer is the agent's socket, as `SPIFFE_ENDPOINT_SOCKET` names it. */
export async function startSpire(
  world: World,
  groups: ReadonlyMap<string, number>,
): Promise<string> {
  const [api, agent] = [world.path('spire-server.sock'), world.path('spire-agent.sock')];
  for (const folder of ['spire-server', 'spire-agent']) mkdirSync(world.path(folder));
  writeFileSync(world.path('server.conf'), server(world.path('spire-server'), api));
  const home = await start(world, 'spire-server', ['run', '-config', world.path('server.conf')]);
  await until('an API of the SPIRE server', () => existsSync(api));
  const ask = async (...args: readonly string[]): Promise<string> =>
    (await exec(program('spire-server'), [...args, '-socketPath', api])).stdout;
  const node = `spiffe://${domain}/node`;
  let said = '';
  await until('a token', async () => {
    said = await ask('token', 'generate', '-spiffeID', node).catch(() => '');
    return said !== '';
  });
  const token = /Token: (\S+)/.exec(said)?.[1] ?? '';
  for (const [name, group] of groups) {
    const of = ['-parentID', node, '-spiffeID', `spiffe://${domain}/${name}`];
    await ask('entry', 'create', ...of, '-selector', `unix:gid:${String(group)}`);
  }
  const roots = world.path('roots.pem');
  writeFileSync(roots, await ask('bundle', 'show'));
  const conf = world.path('agent.conf');
  writeFileSync(conf, agentOf(world.path('spire-agent'), agent, roots));
  await start(world, 'spire-agent', ['run', '-config', conf, '-joinToken', token], home);
  await until('a Workload API of the SPIRE agent', () => existsSync(agent));
  return `unix://${agent}`;
}

/** In a network namespace with nothing but a loopback interface. */
async function start(
  world: World,
  name: string,
  args: readonly string[],
  beside?: Player,
): Promise<Player> {
  const script = 'ip link set lo up && echo started && exec "$@" >&2';
  const command = ['sh', '-c', script, name, program(name), ...args];
  return world.start({ name, command, namespace: beside ?? 'own' });
}

function server(folder: string, api: string): string {
  return `server {
  bind_address = "127.0.0.1"
  bind_port = "8081"
  socket_path = "${api}"
  trust_domain = "${domain}"
  data_dir = "${folder}"
  log_level = "WARN"
  default_x509_svid_ttl = "10m"
}
plugins {
  DataStore "sql" { plugin_data { database_type = "sqlite3" connection_string = "${folder}/data.sqlite3" } }
  NodeAttestor "join_token" { plugin_data {} }
  KeyManager "memory" { plugin_data {} }
}
`;
}

function agentOf(folder: string, socket: string, roots: string): string {
  return `agent {
  data_dir = "${folder}"
  server_address = "127.0.0.1"
  server_port = "8081"
  socket_path = "${socket}"
  trust_bundle_path = "${roots}"
  trust_domain = "${domain}"
  log_level = "WARN"
}
plugins {
  NodeAttestor "join_token" { plugin_data {} }
  KeyManager "memory" { plugin_data {} }
  WorkloadAttestor "unix" { plugin_data {} }
}
`;
}
