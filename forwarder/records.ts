// SPDX-License-Identifier: Apache-2.0
/**
 * What is remembered of each wire, in a small file of its own, so that a
 * forwarder that was killed knows its wires again. No tokens are kept.
 *
 * A file is replaced at once or not at all (rename), and written only where it
 * would differ: a refresh writes nothing. Synchronous: the folder is on a
 * tmpfs, and the way through the thread pool costs more than the write.
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Connection, Mechanism } from '../api/gen/connection.js';
import type { Logger } from '../api/log/log.js';
import type { Indexes, Socket } from './mechanisms/kernel/index.js';

/** One wire as it was left. */
export interface WireRecord {
  /** As this hop sees it: own id, own index. */
  readonly connection: Connection;
  /** The one agreed with the endpoint. */
  readonly mechanism: Mechanism | undefined;
  readonly client: Socket;
  readonly endpoint: Socket;
  readonly indexes: Indexes;
}

const version = 1;

/** The records below one folder, which belongs to one forwarder. */
export class Records {
  readonly #folder: string;
  readonly #written = new Map<string, string>();

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
  }

  /** Remember a wire. */
  save(record: WireRecord): void {
    const { connection, mechanism, client, endpoint, indexes } = record;
    const text = JSON.stringify({
      version,
      connection: base64(Connection.encode(withoutTokens(connection)).finish()),
      mechanism: base64(Mechanism.encode(mechanism ?? Mechanism.create()).finish()),
      indexes,
      client: plain(client),
      endpoint: plain(endpoint),
    });
    const digest = createHash('sha256').update(text).digest('base64');
    if (this.#written.get(connection.id) === digest) return;
    const file = this.#file(connection.id);
    writeFileSync(`${file}.new`, text, { mode: 0o600 });
    renameSync(`${file}.new`, file);
    this.#written.set(connection.id, digest);
  }

  /** Forget a wire; twice does nothing. */
  remove(id: string): void {
    rmSync(this.#file(id), { force: true });
    this.#written.delete(id);
  }

  /** All that is remembered; a file that cannot be understood is told and removed. */
  load(log: Logger): readonly WireRecord[] {
    return readdirSync(this.#folder).flatMap((name) => {
      const file = join(this.#folder, name);
      try {
        if (name.endsWith('.json')) return [parse(readFileSync(file, 'utf8'))];
      } catch (reason) {
        log.warn({ file, err: reason }, 'record of a wire cannot be read');
      }
      rmSync(file, { force: true, recursive: true });
      return [];
    });
  }

  #file(id: string): string {
    // An id may be any text.
    return join(this.#folder, `${createHash('sha256').update(id).digest('hex').slice(0, 32)}.json`);
  }
}

function parse(text: string): WireRecord {
  const all = object(JSON.parse(text));
  if (all['version'] !== version) throw new TypeError(`version: want ${String(version)}`);
  const indexes = object(all['indexes']);
  const mechanism = bytes(all, 'mechanism');
  return {
    connection: Connection.decode(bytes(all, 'connection')),
    mechanism: mechanism.length === 0 ? undefined : Mechanism.decode(mechanism),
    indexes: { near: Number(indexes['near']), far: Number(indexes['far']) },
    client: socket(all['client']),
    endpoint: socket(all['endpoint']),
  };
}

function plain({ place, name, field }: Socket): object {
  const { dev, ino } = place.id;
  return { name, field, path: place.path, dev: String(dev), ino: String(ino) };
}

function socket(value: unknown): Socket {
  const all = object(value);
  const id = { dev: BigInt(string(all, 'dev')), ino: BigInt(string(all, 'ino')) };
  const place = { id, path: string(all, 'path') };
  return { place, name: string(all, 'name'), field: string(all, 'field') };
}

function object(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw new TypeError('want an object');
}

function string(all: Readonly<Record<string, unknown>>, key: string): string {
  const value = all[key];
  if (typeof value === 'string') return value;
  throw new TypeError(`${key}: want a text`);
}

function bytes(all: Readonly<Record<string, unknown>>, key: string): Buffer {
  return Buffer.from(string(all, key), 'base64');
}

/** A copy without what proves something, or changes with each refresh. */
function withoutTokens(connection: Connection): Connection {
  if (connection.path === undefined) return connection;
  const pathSegments = connection.path.pathSegments.map((segment) => {
    return { ...segment, token: '', expires: undefined, metrics: {} };
  });
  return { ...connection, path: { ...connection.path, pathSegments } };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
