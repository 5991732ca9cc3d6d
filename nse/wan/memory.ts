// SPDX-License-Identifier: Apache-2.0
/**
 * Remembers the wires of this endpoint, each in a file, so that the next life
 * gives nobody their addresses and tells those who ask that they stand.
 *
 * When: on the way back, with each answer; Close forgets.
 * Where: before the addresses are given, to see them in the answer.
 * Leaves: a file for each wire, in a folder of this endpoint's own.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathOf } from '../../api/chain/connection.js';
import type { Step } from '../../api/chain/element.js';
import { Connection } from '../../api/gen/connection.js';
import type { Logger } from '../../api/log/log.js';

const suffix = '.json';

/** See the head of this file. */
export class Memory {
  readonly #directory: string | undefined;
  readonly #log: Logger;
  readonly #endpoints = new Map<string, string>();
  /** Called when a wire has gone. */
  onGone: () => void = () => undefined;

  /** Without a directory it remembers as long as it lives. */
  constructor(directory: string | undefined, log: Logger) {
    this.#directory = directory;
    this.#log = log;
    if (directory !== undefined) mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  /** Names of the endpoints that wires were made to, by the wire's connection. */
  get endpoints(): ReadonlySet<string> {
    return new Set(this.#endpoints.values());
  }

  /** The connections of a former life; what cannot be read is removed. */
  load(): readonly Connection[] {
    if (this.#directory === undefined) return [];
    const files = readdirSync(this.#directory).filter((name) => name.endsWith(suffix));
    return files.flatMap((name) => {
      const path = join(this.#directory ?? '', name);
      try {
        const connection = Connection.fromJSON(JSON.parse(readFileSync(path, 'utf8')));
        if (connection.id === '') throw new TypeError('it has no id');
        return connection;
      } catch (reason) {
        this.#log.warn({ path, err: reason }, 'a remembered wire cannot be read');
        rmSync(path, { force: true });
        return [];
      }
    });
  }

  /** Forget a wire. */
  forget(id: string): void {
    this.#endpoints.delete(id);
    const path = this.#pathOf(id);
    if (path !== undefined) rmSync(path, { force: true });
    this.onGone();
  }

  /** The element that remembers and forgets. */
  element(): Step {
    return {
      kind: 'step',
      name: 'memory',
      request: async (call, request, next) => {
        const answer = await next(call, request);
        this.#remember(answer);
        return answer;
      },
      close: (_call, { id }) => {
        this.forget(id);
        return Promise.resolve();
      },
    };
  }

  #remember(connection: Connection): void {
    this.#endpoints.set(connection.id, connection.networkServiceEndpointName);
    const path = this.#pathOf(connection.id);
    if (path === undefined) return;
    const fresh = `${path}.new`;
    try {
      writeFileSync(fresh, JSON.stringify(Connection.toJSON(withoutTokens(connection))), {
        mode: 0o600,
      });
      renameSync(fresh, path);
    } catch (reason) {
      // A full disk costs nobody his wire.
      this.#log.warn({ path, err: reason }, 'a wire is not remembered');
    }
  }

  #pathOf(id: string): string | undefined {
    if (this.#directory === undefined) return undefined;
    return join(this.#directory, `${encodeURIComponent(id)}${suffix}`);
  }
}

/** Their expiry is enough, and they are nobody's but the callers'. */
function withoutTokens(connection: Connection): Connection {
  const path = pathOf(connection);
  const pathSegments = path.pathSegments.map((segment) => ({ ...segment, token: '' }));
  return { ...connection, path: { ...path, pathSegments } };
}
