// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps the registry's entries as a plan says. An entry that the plan no longer
 * has stays, without services, while wires stand that were made to it: nobody
 * chooses it any more, and their refreshes still find it.
 */
import type { Clock } from '../../api/chain/clock.js';
import { NetworkService, NetworkServiceEndpoint } from '../../api/gen/registry.js';
import type { Logger } from '../../api/log/log.js';
import type { Registration } from '../../api/registry/registration.js';
import type { Registries } from '../../api/registry/registry.js';
import { keepEntry } from '../register.js';
import type { Entry, Plan } from './plan.js';

/** What {@link Registrations} works with. */
export interface RegistrationsOptions {
  readonly registries: Registries;
  /** Where the endpoint answers. */
  readonly url: string;
  /** Names of endpoints that wires were made to. */
  readonly inUse: () => ReadonlySet<string>;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Kept {
  readonly text: string;
  readonly registration: Registration;
}

/** See the head of this file. */
export class Registrations {
  readonly #options: RegistrationsOptions;
  readonly #kept = new Map<string, Kept>();
  #plan: Plan = { services: [], entries: [] };
  #retired = false;
  #turn: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: RegistrationsOptions) {
    this.#options = options;
  }

  /** Register what the plan says, and nothing else; resolves when new entries are being kept. */
  apply(plan: Plan): Promise<void> {
    this.#plan = plan;
    return this.#again();
  }

  /** A wire has gone: an entry may be of no use any more. */
  released(): void {
    if (this.#retired) void this.#again();
  }

  /** Resolves when everything has been registered once; rejects where the registry calls an entry malformed. */
  async ready(): Promise<void> {
    await this.#turn;
    await Promise.all([...this.#kept.values()].map(({ registration }) => registration.ready));
  }

  /** Stop, and unregister unless told not to. */
  async close(how: { readonly unregister: boolean }): Promise<void> {
    this.#closed = true;
    await this.#turn;
    await Promise.all([...this.#kept.values()].map(({ registration }) => registration.close(how)));
  }

  #again(): Promise<void> {
    this.#turn = this.#turn.then(() => (this.#closed ? undefined : this.#reconcile()));
    return this.#turn;
  }

  async #reconcile(): Promise<void> {
    const { services, entries } = this.#plan;
    const planned = new Set(entries.map(({ name }) => name));
    const retired = [...this.#options.inUse()].filter((name) => name !== '' && !planned.has(name));
    this.#retired = retired.length > 0;
    const wanted = [...entries, ...retired.map((name) => ({ name, services: {} }))];
    const names = new Set(wanted.map(({ name }) => name));
    const gone = [...this.#kept].filter(([name]) => !names.has(name));
    await Promise.all(
      gone.map(async ([name, { registration }]) => {
        this.#kept.delete(name);
        await registration.close({ unregister: true });
      }),
    );
    for (const entry of wanted) await this.#keep(entry, services);
  }

  /** An entry that says the same is left alone; another one takes its place in the registry. */
  async #keep(entry: Entry, plain: readonly string[]): Promise<void> {
    const own = Object.keys(entry.services);
    const shared = own.filter((service) => plain.includes(service));
    const text = JSON.stringify([entry, shared]);
    const before = this.#kept.get(entry.name);
    if (before?.text === text) return;
    await before?.registration.close({ unregister: false });
    const { registries, url, clock, log } = this.#options;
    const endpoint = NetworkServiceEndpoint.fromPartial({
      name: entry.name,
      url,
      networkServiceNames: own,
      networkServiceLabels: Object.fromEntries(
        Object.entries(entry.services).map(([service, labels]) => [service, { labels }]),
      ),
    });
    const services = shared.map((name) => NetworkService.fromPartial({ name, payload: 'IP' }));
    const registration = keepEntry(registries, { endpoint, services }, { clock, log });
    this.#kept.set(entry.name, { text, registration });
  }
}
