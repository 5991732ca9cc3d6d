// SPDX-License-Identifier: Apache-2.0
/**
 * What a registrant remembers of its names: each registration goes out with the path that
 * came back last, and what comes back must keep upstream's rules for registry clients.
 */
import type { Peer } from '../chain/peer.js';
import type { CallOptions } from '../grpc/channel.js';
import { obey, type Owner } from '../identity/rules/rule.js';
import { registryClientRules } from '../identity/rules/sets.js';
import { emptyPath, formatPath, parsePath, pathKey, type RegistryPath } from './path.js';
import type { RegistryCall } from './registry.js';

interface Known {
  readonly path: RegistryPath;
  readonly owner: Owner;
}

/** The trails of one registry's names. */
export class Trails {
  readonly #known = new Map<string, Known>();

  /** Of a call about `name`. */
  begin(call: RegistryCall, name: string): Trail {
    return new Trail(call, name, this.#known);
  }
}

/** One call. */
export class Trail {
  /** For the call. */
  readonly options: Pick<CallOptions, 'metadata' | 'onHeaders' | 'onPeer'>;
  /** Whether nothing is registered by this name yet. */
  readonly isNew: boolean;
  readonly #call: RegistryCall;
  readonly #name: string;
  readonly #all: Map<string, Known>;
  #answered: string | undefined;
  #peer: Peer | undefined;

  constructor(call: RegistryCall, name: string, all: Map<string, Known>) {
    this.#call = call;
    this.#name = name;
    this.#all = all;
    const known = all.get(name);
    this.isNew = known === undefined;
    this.options = {
      metadata: { [pathKey]: formatPath(known?.path ?? emptyPath()) },
      onHeaders: (headers) => {
        this.#answered = headers[pathKey];
      },
      onPeer: (peer) => {
        this.#peer = peer;
      },
    };
  }

  /** Take the answer, and remember its path; PERMISSION_DENIED where a rule says no. Without identities there are none. */
  async keep(pathIds: readonly string[]): Promise<void> {
    const path = await this.#judged();
    const owner = { what: `registration ${this.#name}`, id: pathIds[0] };
    this.#all.set(this.#name, { path, owner });
  }

  /** The same of an answer after which nothing is registered. */
  async forget(): Promise<void> {
    const owner = this.#all.get(this.#name)?.owner;
    this.#all.delete(this.#name);
    await this.#judged(owner);
  }

  async #judged(owner = this.#all.get(this.#name)?.owner): Promise<RegistryPath> {
    const path = this.#answered === undefined ? emptyPath() : parsePath(this.#answered);
    if (this.#peer !== undefined) {
      const nowMs = this.#call.clock.now();
      await obey(registryClientRules, { ...path, peer: this.#peer, nowMs, owner });
    }
    return path;
  }
}
