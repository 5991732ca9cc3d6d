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
import { z } from 'zod';
import { Connection, Mechanism } from '../api/gen/connection.js';
import type { Logger } from '../api/log/log.js';
import type { Indexes } from './mechanisms/kernel/index.js';
import type { Side, Wish } from './mechanisms/kernel/index.js';

/** One wire as it was left. */
export interface WireRecord {
  /** As this hop sees it: own id, own index. */
  readonly connection: Connection;
  /** The one agreed with the endpoint. */
  readonly mechanism: Mechanism | undefined;
  readonly wish: Wish;
  readonly indexes: Indexes;
}

const version = 1;

const sideShape = z.object({
  place: z.object({
    id: z.object({ dev: z.coerce.bigint(), ino: z.coerce.bigint() }),
    path: z.string(),
  }),
  name: z.string(),
  field: z.string(),
  wanted: z.object({
    name: z.string(),
    mac: z.string(),
    alias: z.string(),
    mtu: z.number(),
    addresses: z.array(z.string()),
    routes: z.array(z.object({ to: z.string(), via: z.string().exactOptional() })),
    neighbours: z.array(z.object({ ip: z.string(), mac: z.string(), permanent: z.boolean() })),
    settings: z.record(z.string(), z.string()),
  }),
});

const shape = z.object({
  version: z.literal(version),
  id: z.string(),
  connection: z.base64(),
  mechanism: z.base64(),
  indexes: z.object({ near: z.number(), far: z.number() }),
  client: sideShape,
  endpoint: sideShape,
});

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
    const { connection, mechanism, wish, indexes } = record;
    const text = JSON.stringify({
      version,
      id: connection.id,
      connection: base64(Connection.encode(withoutTokens(connection)).finish()),
      mechanism: base64(Mechanism.encode(mechanism ?? Mechanism.create()).finish()),
      indexes,
      client: plain(wish.client),
      endpoint: plain(wish.endpoint),
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
  const { id, connection, mechanism, indexes, client, endpoint } = shape.parse(JSON.parse(text));
  return {
    connection: Connection.decode(Buffer.from(connection, 'base64')),
    mechanism: mechanism === '' ? undefined : Mechanism.decode(Buffer.from(mechanism, 'base64')),
    indexes,
    wish: { id, client, endpoint },
  };
}

function plain({ place, ...side }: Side): object {
  const { dev, ino } = place.id;
  return { ...side, place: { path: place.path, id: { dev: String(dev), ino: String(ino) } } };
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
