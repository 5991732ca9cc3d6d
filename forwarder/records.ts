// SPDX-License-Identifier: Apache-2.0
/**
 * What is remembered of each wire, so that a forwarder that was killed knows
 * its wires again. No tokens are kept.
 *
 * One file, of which each line says what became of one connection; the last
 * line counts. A line is added by one write, so a killed process leaves it whole
 * or not at all, and only where it would say something new: a refresh writes
 * nothing. The file is written anew (rename) at the start and when most of
 * it is past. Synchronous: one write costs less than the way through the pool.
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { Connection, Mechanism } from '../api/gen/connection.js';
import type { Logger } from '../api/log/log.js';
import { parseNode } from './mechanisms/vxlan/node.js';
import type { Tunnel } from './mechanisms/vxlan/tunnel.js';
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
  /** SPIFFE ID of who asked for it, as tokens have proved it; nothing without identities. */
  readonly identity?: string | undefined;
  /** The MTU that its client wished, 0: whatever there is; nothing where a former version saved it. */
  readonly mtu?: number | undefined;
}

const version = 1;

/** How many lines may be past before the file is written anew. */
const mostPast = 1_000;

/** The records in one folder, which belongs to one forwarder. Dispose it to close the file. */
export class Records implements Disposable {
  readonly #path: string;
  readonly #log: Logger;
  /** A digest of each one's line: the line itself may be read again. */
  readonly #digests = new Map<string, string>();
  readonly #identities = new Map<string, string>();
  #file: number;
  #past = 0;

  constructor(folder: string, log: Logger) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
    this.#log = log;
    this.#path = join(folder, 'wires');
    this.#file = this.#open();
  }

  /** Remember a wire. */
  save(record: WireRecord): void {
    const { id } = record.connection;
    this.#known(record);
    const line = lineOf(record);
    const digest = createHash('sha256').update(line).digest('base64');
    const before = this.#digests.get(id);
    if (before === digest) return;
    this.#add(line, before === undefined ? 0 : 1);
    this.#digests.set(id, digest);
  }

  /** Forget a wire; twice does nothing. */
  remove(id: string): void {
    this.#identities.delete(id);
    if (!this.#digests.delete(id)) return;
    this.#add(`${JSON.stringify({ version, gone: id })}\n`, 2);
  }

  /** All that is remembered; a line that cannot be understood is told and forgotten. */
  load(): readonly WireRecord[] {
    const lines = this.#lines();
    this.#digests.clear();
    for (const [id, line] of lines) {
      this.#digests.set(id, createHash('sha256').update(line).digest('base64'));
    }
    this.#renew(lines);
    const records = [...lines.values()].map(parse);
    for (const record of records) this.#known(record);
    return records;
  }

  /** SPIFFE ID of who asked for a wire; nothing without identities. */
  identityOf(id: string): string | undefined {
    return this.#identities.get(id);
  }

  [Symbol.dispose](): void {
    if (this.#file >= 0) closeSync(this.#file);
    this.#file = -1;
  }

  #known({ connection: { id }, identity }: WireRecord): void {
    if (identity === undefined) this.#identities.delete(id);
    else this.#identities.set(id, identity);
  }

  #add(line: string, past: number): void {
    writeSync(this.#file, line);
    this.#past += past;
    if (this.#past > mostPast && this.#past > this.#digests.size) this.#renew(this.#lines());
  }

  /** The last line of each that is not gone. */
  #lines(): Map<string, string> {
    const lines = new Map<string, string>();
    const text = existsSync(this.#path) ? readFileSync(this.#path, 'utf8') : '';
    for (const line of text.split('\n')) {
      if (line === '') continue;
      try {
        const gone = object(JSON.parse(line))['gone'];
        if (typeof gone === 'string') lines.delete(gone);
        else lines.set(parse(line).connection.id, `${line}\n`);
      } catch (reason) {
        this.#log.warn({ file: this.#path, err: reason }, 'record of a wire cannot be read');
      }
    }
    return lines;
  }

  #renew(lines: ReadonlyMap<string, string>): void {
    const next = `${this.#path}.new`;
    writeFileSync(next, [...lines.values()].join(''), { mode: 0o600 });
    renameSync(next, this.#path);
    closeSync(this.#file);
    this.#file = this.#open();
    this.#past = 0;
  }

  #open(): number {
    return openSync(this.#path, 'a', 0o600);
  }
}

function lineOf(record: WireRecord): string {
  const { connection, mechanism, client, endpoint, indexes, identity, mtu } = record;
  const line = {
    version,
    connection: base64(Connection.encode(withoutTokens(connection)).finish()),
    mechanism: base64(Mechanism.encode(mechanism ?? Mechanism.create()).finish()),
    indexes,
    client: plain(client),
    endpoint: plain(endpoint),
    ...(identity === undefined ? {} : { identity }),
    ...(mtu === undefined ? {} : { mtu }),
  };
  return `${JSON.stringify(line)}\n`;
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
    ...(all['identity'] === undefined ? {} : { identity: string(all, 'identity') }),
    ...(all['mtu'] === undefined ? {} : { mtu: Number(all['mtu']) }),
  };
}

function plain({ place, name, field, tunnel }: Socket): object {
  const { dev, ino } = place.id;
  const at = { path: place.path, dev: String(dev), ino: String(ino) };
  return { name, field, ...at, ...(tunnel === undefined ? {} : { tunnel }) };
}

function socket(value: unknown): Socket {
  const all = object(value);
  const id = { dev: BigInt(string(all, 'dev')), ino: BigInt(string(all, 'ino')) };
  const place = { id, path: string(all, 'path') };
  const tunnel = all['tunnel'] === undefined ? {} : { tunnel: parseTunnel(all['tunnel']) };
  return { place, name: string(all, 'name'), field: string(all, 'field'), ...tunnel };
}

function parseTunnel(value: unknown): Tunnel {
  const { vni, peer } = object(value);
  const known = object(peer);
  const node = parseNode(JSON.stringify(peer), 'tunnel.peer');
  if (typeof vni !== 'number' || node === undefined) throw new TypeError('tunnel: want a tunnel');
  return { vni, peer: known['stock'] === true ? { ...node, stock: true } : node };
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
