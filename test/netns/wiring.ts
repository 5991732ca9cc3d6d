// SPDX-License-Identifier: Apache-2.0
/** What a forwarder makes wires with, without its gRPC: for tests of the kernel's part. */
import { Connection } from '../../api/gen/connection.js';
import { silentLogger } from '../../api/log/log.js';
import { kernelFacets } from '../../forwarder/chain.js';
import { Reaper, Wires, wishOf, type Wish } from '../../forwarder/mechanisms/kernel/index.js';
import { Deaths } from '../../forwarder/namespaces/deaths.js';
import { Namespaces } from '../../forwarder/namespaces/namespaces.js';
import type { Test } from 'tap';
import type { Sandbox } from './sandbox.js';

/** Of this process alone: a forwarder sweeps what carries its name, wherever it is. */
export const forwarder = `test-${String(process.pid)}`;

/** What of a Connection a test may say. */
export interface Said {
  readonly id?: string;
  readonly mtu?: number;
  readonly payload?: string;
  readonly src?: readonly string[];
  readonly dst?: readonly string[];
  readonly srcRoutes?: readonly { prefix: string; nextHop?: string }[];
  readonly name?: string;
  readonly endpointName?: string;
  /** As ours say it; without it the client is a stock one. */
  readonly metric?: string;
}

/** A bench for wires. */
export interface Wiring {
  readonly wires: Wires;
  readonly namespaces: Namespaces;
  readonly reaper: Reaper;
  readonly deaths: Deaths;
  /** Keys of namespaces whose death was told. */
  readonly dead: string[];
  /** Called when the next death is told. */
  nextDeath(): Promise<string>;
}

/** One, disposed at the end of the test. */
export async function wiring(t: Test): Promise<Wiring> {
  const log = silentLogger();
  const dead: string[] = [];
  let told: (key: string) => void = () => undefined;
  const deaths = await Deaths.start(log, (key) => {
    dead.push(key);
    told(key);
  });
  // Listening alone keeps no process alive.
  const alive = setInterval(() => undefined, 1_000);
  t.teardown(() => {
    clearInterval(alive);
    deaths[Symbol.dispose]();
  });
  const reaper = new Reaper(log);
  const wires = new Wires({ log, deaths, reaper });
  const nextDeath = (): Promise<string> => new Promise((resolve) => (told = resolve));
  return { wires, namespaces: new Namespaces(), reaper, deaths, dead, nextDeath };
}

/** The wish for a wire from `client` to `endpoint`. */
export async function wishFor(
  { namespaces }: Pick<Wiring, 'namespaces'>,
  client: Sandbox,
  endpoint: Sandbox,
  said: Said = {},
): Promise<Wish> {
  const { id = 'wire-1', mtu = 0, payload = 'IP', name = 'nsm-1', endpointName = 'nse-1' } = said;
  const connection = Connection.fromPartial({
    id,
    payload,
    mechanism: {
      parameters: said.metric === undefined ? {} : { 'wanwire.metric': said.metric },
    },
    context: {
      MTU: mtu,
      ipContext: {
        srcIpAddrs: [...(said.src ?? ['192.0.2.1/32', '2001:db8::1/128'])],
        dstIpAddrs: [...(said.dst ?? ['192.0.2.2/32', '2001:db8::2/128'])],
        srcRoutes: (said.srcRoutes ?? []).map((route) => ({ ...route })),
      },
    },
  });
  const socket = async (sandbox: Sandbox, name: string, field: string) => {
    return { place: await namespaces.find(`file://${sandbox.path}`, field), name, field };
  };
  return wishOf(connection, {
    forwarder,
    client: await socket(client, name, 'client.name'),
    endpoint: await socket(endpoint, endpointName, 'endpoint.name'),
    facets: kernelFacets,
  });
}
