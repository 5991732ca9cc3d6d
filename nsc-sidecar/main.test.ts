// SPDX-License-Identifier: Apache-2.0
// Clients ask endpoints directly, over real unix sockets; the registry is the embedded manager's.
import t, { type Test } from 'tap';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import type { Element } from '../api/chain/element.js';
import { readEnvironment } from '../api/env/read-environment.js';
import { ConnectionEventType, State, type ConnectionEvent } from '../api/gen/connection.js';
import { silentLogger } from '../api/log/log.js';
import { table as managerTable } from '../manager/config.js';
import { start as startManager } from '../manager/main.js';
import { endpoint, type Endpoint } from '../nse/endpoint.js';
import { table, type Config } from './config.js';
import { start } from './main.js';
import { command as built } from '../test/stage/command.js';

const log = silentLogger();

interface Stage {
  readonly socket: string;
  endpoint(name: string, elements?: readonly Element[]): Promise<Endpoint>;
}

function folderOf(t: Test): string {
  const folder = mkdtempSync(`${tmpdir()}/ww-nsc-`);
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

async function stage(t: Test): Promise<Stage> {
  const folder = folderOf(t);
  const connectTo = `unix://${folder}/manager.sock`;
  const { config } = readEnvironment(managerTable, {
    NSM_LISTEN_ON: connectTo,
    WANWIRE_EXCLUDED_PREFIXES_FILE: `${folder}/none.yaml`,
    WANWIRE_INSECURE: 'true',
  });
  const manager = await startManager(config, log);
  t.teardown(() => manager.close());
  const socket = `unix://${folder}/nse.sock`;
  return {
    socket,
    async endpoint(name, elements = []) {
      const prefixes = [['172.16.0.0/24']];
      const common = { services: ['hello', 'closed'], prefixes, connectTo, insecure: true };
      const running = await endpoint({ name, elements, listenOn: socket, ...common });
      t.teardown(() => running.close());
      return running;
    },
  };
}

function configOf(connectTo: string, env: Record<string, string> = {}): Config {
  return readEnvironment(table, {
    NSM_NETWORK_SERVICES: 'kernel://hello/nsm-1',
    NSM_CONNECT_TO: connectTo,
    NSM_LIVENESS_CHECK_ENABLED: 'false',
    WANWIRE_INSECURE: 'true',
    ...env,
  }).config;
}

/** Refuses one service. */
const door: Element = {
  kind: 'step',
  name: 'door',
  request: (call, request, next) =>
    request.connection.networkService === 'closed'
      ? Promise.reject(new Error('closed'))
      : next(call, request),
  close: () => Promise.resolve(),
};

/** Events as they come, and a promise of the next that fits. */
function listener() {
  const events: ConnectionEvent[] = [];
  let wake: () => void = () => undefined;
  return {
    onChange: (event: ConnectionEvent): void => {
      events.push(event);
      wake();
    },
    async until(fits: (event: ConnectionEvent) => boolean): Promise<ConnectionEvent> {
      for (;;) {
        const found = events.find(fits);
        if (found !== undefined) return found;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

const twoServices = { NSM_NETWORK_SERVICES: 'kernel://closed/nsm-1,kernel://hello/nsm-2' };

t.test('ready when any wire is up', async (t) => {
  const { socket, ...w } = await stage(t);
  const running = await w.endpoint('nse-1', [door]);
  const client = await start(configOf(socket, twoServices), log);
  const mechanism = { parameters: { name: 'nsm-2', 'wanwire.metric': '1' } };
  t.match(client.connections, [{ id: 'nsc-1', state: State.UP, mechanism }]);
  t.equal(client.connections.length, 1);
  await client.close();
  await client.close();
  t.equal(running.events.size, 0);
});

t.test('ready when all wires are up; told to end before, it closes what it has', async (t) => {
  const { socket, ...w } = await stage(t);
  const running = await w.endpoint('nse-1', [door]);
  const abort = new AbortController();
  const heard = listener();
  const config = configOf(socket, { ...twoServices, WANWIRE_START_WHEN: 'all' });
  const { signal } = abort;
  const starting = start(config, log, { signal, onChange: heard.onChange });
  await heard.until(({ connections }) => 'nsc-1' in connections);
  t.equal(running.events.size, 1);
  abort.abort(new Error('told to end'));
  await t.rejects(starting, { message: 'told to end' });
  t.equal(running.events.size, 0);
  await t.rejects(start(config, log, { signal }), { message: 'told to end' });
});

t.test('an endpoint that comes back gets its wire back', async (t) => {
  const { socket, ...w } = await stage(t);
  const first = await w.endpoint('nse-1');
  const heard = listener();
  const client = await start(configOf(socket), log, { onChange: heard.onChange });
  await first.close();
  const { UPDATE, DELETE } = ConnectionEventType;
  const second = await w.endpoint('nse-2');
  const isSecond = ({ type, connections }: ConnectionEvent): boolean =>
    type === UPDATE &&
    connections['nsc-0']?.state === State.UP &&
    connections['nsc-0'].path?.pathSegments[1]?.name === 'nse-2';
  await heard.until(isSecond);
  t.equal(second.events.size, 1);
  t.match(client.connections, [{ path: { pathSegments: [{ name: 'nsc' }, { name: 'nse-2' }] } }]);
  await client.close();
  await heard.until(({ type }) => type === DELETE);
  t.strictSame(client.connections, []);
  t.equal(second.events.size, 0);
});

t.test('closing ends also where nobody answers any more', async (t) => {
  const { socket, ...w } = await stage(t);
  const running = await w.endpoint('nse-1');
  const client = await start(configOf(socket, { NSM_DIAL_TIMEOUT: '100ms' }), log);
  await running.close();
  await client.close();
  t.pass('closed');
});

t.test('a manager that may not be dialled is refused at start', async (t) => {
  await t.rejects(start(configOf('tcp://192.0.2.1:5001'), log), /192\.0\.2\.1/);
  const secure = configOf('unix:///tmp/none.sock', { WANWIRE_INSECURE: 'false' });
  await t.rejects(start(secure, log), /WANWIRE_INSECURE/);
});

t.test('the process waits for its manager, and ends when told', async (t) => {
  const socket = `unix://${folderOf(t)}/nobody.sock`;
  const command = built();
  const child = spawn(process.execPath, [command, 'nsc'], {
    env: {
      WANWIRE_INSECURE: 'true',
      NSM_NETWORK_SERVICES: 'kernel://hello',
      NSM_CONNECT_TO: socket,
      NSM_DIAL_TIMEOUT: '10ms',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(child, 'exit');
  let failures = 0;
  for await (const line of createInterface({ input: child.stderr })) {
    if (line.includes('no wire yet')) failures++;
    if (failures === 3) break;
  }
  t.equal(failures, 3, 'it outlives its pauses');
  child.kill('SIGTERM');
  t.strictSame(await ended, [0, null]);
});
