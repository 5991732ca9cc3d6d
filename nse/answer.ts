// SPDX-License-Identifier: Apache-2.0
/** The part of an endpoint that answers Requests: its socket, its chain, its way to the manager. Registers nothing. */
import type { Clock } from '../api/chain/clock.js';
import type { Chain, Element } from '../api/chain/element.js';
import { ConnectionEvents } from '../api/elements/connection-events.js';
import { ownNamespaceUrl } from '../api/elements/kernel-mechanism.js';
import { channels } from '../api/grpc/dial.js';
import { serve } from '../api/grpc/serve.js';
import type { Security } from '../api/identity/security.js';
import type { Logger } from '../api/log/log.js';
import type { Registries } from '../api/registry/registry.js';
import { remoteRegistries } from '../api/registry/remote.js';
import { endpointChain } from './chain.js';
import type { Parameters } from './elements/kernel.js';
import type { Undo } from './lifetime.js';
import { privateSocket } from './private-socket.js';

/** Who answers, and how; see `EndpointOptions`. */
export interface AnswerOptions {
  readonly name: string;
  readonly ipam: Element;
  readonly elements?: readonly Element[];
  /** What else to tell the forwarder. */
  readonly parameters?: Parameters;
  readonly connectTo?: string;
  readonly listenOn?: string;
  readonly security: Security;
  /** How long tokens of hops further away may be over (`WANWIRE_HOLD`); not at all where not given. */
  readonly heldMs?: number;
  /** Called with the chain before it is asked anything. */
  readonly prepare?: (chain: Chain) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** It answers. */
export interface Answering {
  readonly urls: readonly string[];
  readonly events: ConnectionEvents;
  /** The manager's. */
  readonly registries: Registries;
}

const managerUrl = 'unix:///var/lib/networkservicemesh/nsm.io.sock';
/** Less than what a registry call may take, so that its failure says that nobody listens. */
const dialTimeoutMs = 3_000;
const graceMs = 1_000;

/** Begin to answer; how to end it is added to `undo`. */
export async function answer(options: AnswerOptions, undo: Undo): Promise<Answering> {
  const { name, security, clock, log } = options;
  const peers = channels({ security, dialTimeoutMs, log, clock });
  undo.push(() => {
    peers[Symbol.dispose]();
  });
  const registries = remoteRegistries(peers.acquire(options.connectTo ?? managerUrl));
  const events = new ConnectionEvents();
  const chain = endpointChain({
    name,
    security,
    events,
    namespaceUrl: ownNamespaceUrl(),
    elements: options.elements ?? [],
    ipam: options.ipam,
    heldMs: options.heldMs,
    parameters: options.parameters,
  });
  await options.prepare?.(chain);
  const listenOn = [options.listenOn ?? (await ownSocket(undo))];
  const serving = await serve({ listenOn, security, log, clock, chain, events });
  undo.push(() => serving.close(graceMs));
  return { urls: serving.urls, events, registries };
}

async function ownSocket(undo: Undo): Promise<string> {
  const socket = await privateSocket();
  undo.push(() => socket[Symbol.asyncDispose]());
  return socket.url;
}
