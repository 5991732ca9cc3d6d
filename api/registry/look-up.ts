// SPDX-License-Identifier: Apache-2.0
/**
 * Look services and endpoints up until they make a choice possible.
 *
 * First one snapshot of both, asked for at the same time. Where that does not
 * do, both are watched until it does, or until half of the time to the deadline
 * is over: there must be time to say what was missing, and for what waits in
 * line behind this call.
 */
import type { NetworkService, NetworkServiceEndpoint } from '../gen/registry.js';
import type { Found, Registries, Registry, RegistryCall } from './registry.js';

/** What to ask for. */
export interface Questions {
  readonly services: NetworkService;
  readonly endpoints: NetworkServiceEndpoint;
}

/** What is known. */
export interface Known {
  readonly services: readonly NetworkService[];
  readonly endpoints: readonly NetworkServiceEndpoint[];
}

/** How a look-up ended: `choice` is missing where time ran out. */
export interface LookedUp<T> extends Known {
  readonly choice?: T;
}

/** A call that has a deadline: what a chain's Call is, too. */
export type LookUpCall = RegistryCall & { readonly deadlineMs: number };

/** Look up until `choose` finds something; what it throws ends the look-up. */
export async function lookUp<T>(
  call: LookUpCall,
  registries: Registries,
  ask: Questions,
  choose: (known: Known) => T | undefined,
): Promise<LookedUp<T>> {
  const [services, endpoints] = await Promise.all([
    findAll(call, registries.services, ask.services),
    findAll(call, registries.endpoints, ask.endpoints),
  ]);
  const choice = choose({ services, endpoints });
  if (choice !== undefined) return { services, endpoints, choice };
  return await watchUntil(call, registries, ask, choose);
}

/** Everything that matches now. */
export async function findAll<T>(
  call: RegistryCall,
  registry: Registry<T>,
  query: T,
): Promise<T[]> {
  const found: T[] = [];
  for await (const { entry, deleted } of registry.find(call, query, false)) {
    if (!deleted) found.push(entry);
  }
  return found;
}

function patienceMs(call: LookUpCall): number {
  return (call.deadlineMs - call.clock.now()) / 2;
}

async function watchUntil<T>(
  call: LookUpCall,
  registries: Registries,
  ask: Questions,
  choose: (known: Known) => T | undefined,
): Promise<LookedUp<T>> {
  const services = new Map<string, NetworkService>();
  const endpoints = new Map<string, NetworkServiceEndpoint>();
  const stop = new AbortController();
  const onAbort = (): void => {
    stop.abort();
  };
  call.signal.addEventListener('abort', onAbort, { once: true });
  if (call.signal.aborted) onAbort();
  const timer = call.clock.after(patienceMs(call), onAbort);
  const watching: RegistryCall = { ...call, signal: stop.signal };
  let choice: T | undefined;
  const note = (): void => {
    choice ??= choose({ services: [...services.values()], endpoints: [...endpoints.values()] });
    if (choice !== undefined) stop.abort();
  };
  try {
    await Promise.all([
      watch(registries.services.find(watching, ask.services, true), services, note),
      watch(registries.endpoints.find(watching, ask.endpoints, true), endpoints, note),
    ]);
  } catch (reason) {
    if (!stop.signal.aborted) throw reason;
  } finally {
    timer.cancel();
    call.signal.removeEventListener('abort', onAbort);
    stop.abort();
  }
  const known = { services: [...services.values()], endpoints: [...endpoints.values()] };
  return choice === undefined ? known : { ...known, choice };
}

async function watch<T extends { readonly name: string }>(
  source: AsyncIterable<Found<T>>,
  known: Map<string, T>,
  note: () => void,
): Promise<void> {
  for await (const { entry, deleted } of source) {
    if (deleted) known.delete(entry.name);
    else known.set(entry.name, entry);
    note();
  }
}
