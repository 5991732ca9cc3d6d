// SPDX-License-Identifier: Apache-2.0
/** A cluster by its API server's HTTP interface. */
import { delay, type Clock } from '../chain/clock.js';
import type { Logger } from '../log/log.js';
import { openAccess, type Access } from './access.js';
import type {
  Cluster,
  ClusterOptions,
  KubeObject,
  ListOptions,
  Page,
  Place,
  Resource,
  WatchEvent,
  WatchOptions,
} from './types.js';
import {
  groupOf,
  isKindMissing,
  missing,
  MissingKindError,
  pathOf,
  refusalError,
  refusalIn,
  type Asked,
} from './errors.js';
import { eventsOf } from './events-of.js';
import { failure, send, textOf, type Wish } from './rest.js';
import { Warnings } from './warnings.js';

/** How long an answer may take. */
const timeoutMs = 20_000;
/** Objects in one answer of a list. */
const pageSize = 500;
/** How often an API server that is too busy (429) is asked again, by its own `Retry-After`. */
const busyTries = 5;
/** How long each time at most. */
const longestBusyMs = 5_000;
/** How often a list is begun anew whose continuation has grown too old. */
const listTries = 3;

const json = 'application/json';
type Query = Readonly<Record<string, string | undefined>>;

/** Open it; see `openCluster`. */
export async function openApi({ clock, log, ...where }: ClusterOptions): Promise<Cluster> {
  return new Api(await openAccess(where), clock, log);
}

class Api implements Cluster {
  readonly #access: Access;
  readonly #clock: Clock;
  readonly #warnings: Warnings;

  constructor(access: Access, clock: Clock, log: Logger) {
    this.#access = access;
    this.#clock = clock;
    this.#warnings = new Warnings(log);
  }

  get namespace(): string {
    return this.#access.namespace;
  }

  get server(): string {
    return this.#access.server;
  }

  [Symbol.dispose](): void {
    this.#access[Symbol.dispose]();
  }

  async get<T extends KubeObject>(
    resource: Resource,
    place: Place,
    signal?: AbortSignal,
  ): Promise<T | undefined> {
    const asked = this.#asked('get', resource, place);
    const { code, text } = await this.#call('GET', asked, {}, undefined, signal);
    if (code === 404 && !isKindMissing(refusalIn(text))) return undefined;
    return await this.#read<T>(code, text, asked);
  }

  async list<T extends KubeObject>(
    resource: Resource,
    options: ListOptions = {},
    signal?: AbortSignal,
  ): Promise<readonly T[]> {
    return (await this.listAt<T>(resource, options, signal)).items;
  }

  async listAt<T extends KubeObject>(
    resource: Resource,
    options: ListOptions = {},
    signal?: AbortSignal,
  ): Promise<Page<T>> {
    const { namespace, labelSelector, fieldSelector } = options;
    const asked: Asked = { server: this.server, verb: 'list', resource, namespace };
    const limit = String(pageSize);
    const { apiVersion, kind } = resource;
    let items: T[] = [];
    let next = '';
    for (let tries = 1; ;) {
      const query = { labelSelector, fieldSelector, limit, continue: next };
      const { code, text } = await this.#call('GET', asked, query, undefined, signal);
      if (code === 410 && next !== '' && tries < listTries) {
        [items, next] = [[], ''];
        tries++;
        continue;
      }
      const page = await this.#read<ListObject<T>>(code, text, asked);
      // Items of a list come without their kind.
      for (const item of page.items ?? []) items.push({ apiVersion, kind, ...item });
      next = page.metadata?.continue ?? '';
      if (next === '') return { items, resourceVersion: page.metadata?.resourceVersion ?? '' };
    }
  }

  async *watch<T extends KubeObject>(
    resource: Resource,
    options: WatchOptions,
    signal?: AbortSignal,
  ): AsyncIterable<WatchEvent<T>> {
    const { namespace, labelSelector, fieldSelector, resourceVersion } = options;
    const asked: Asked = { server: this.server, verb: 'watch', resource, namespace };
    const wish = this.#wish('GET', asked, signal, {
      ...{ labelSelector, fieldSelector, resourceVersion },
      watch: 'true',
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(options.timeoutSeconds),
    });
    const answer = await send(this.#access, wish);
    if (answer.code !== 200) throw await this.#refused(answer.code, await textOf(answer), asked);
    options.onOpen?.();
    yield* eventsOf<T>(answer, wish, asked, options.silenceMs);
  }

  async create<T extends KubeObject>(
    resource: Resource,
    object: T,
    signal?: AbortSignal,
  ): Promise<T> {
    const { namespace } = object.metadata;
    const asked = this.#asked('create', resource, { name: undefined, namespace });
    return await this.#write<T>('POST', asked, full(resource, object), json, {}, signal);
  }

  async replace<T extends KubeObject>(
    resource: Resource,
    object: T,
    signal?: AbortSignal,
  ): Promise<T> {
    const asked = this.#asked('update', resource, object.metadata);
    return await this.#write<T>('PUT', asked, full(resource, object), json, {}, signal);
  }

  async patch<T extends KubeObject>(
    resource: Resource,
    place: Place,
    merge: object,
    options: { readonly subresource?: 'status' } = {},
    signal?: AbortSignal,
  ): Promise<T> {
    const asked = { ...this.#asked('patch', resource, place), ...options };
    return await this.#write<T>('PATCH', asked, merge, 'application/merge-patch+json', {}, signal);
  }

  async apply<T extends KubeObject>(
    resource: Resource,
    object: T,
    options: { readonly fieldManager: string; readonly subresource?: 'status' },
    signal?: AbortSignal,
  ): Promise<T> {
    const { fieldManager, ...part } = options;
    const asked = { ...this.#asked('patch', resource, object.metadata), ...part };
    const query = { fieldManager, force: 'true' };
    const type = 'application/apply-patch+yaml';
    return await this.#write<T>('PATCH', asked, full(resource, object), type, query, signal);
  }

  async remove(
    resource: Resource,
    place: {
      readonly name: string;
      readonly namespace?: string | undefined;
      readonly uid?: string;
    },
    signal?: AbortSignal,
  ): Promise<void> {
    const asked = this.#asked('delete', resource, place);
    const { uid } = place;
    const only = uid === undefined ? undefined : { preconditions: { uid } };
    const body = only && { type: json, text: JSON.stringify(only) };
    const { code, text } = await this.#call('DELETE', asked, {}, body, signal);
    const isGone = code === 404 && !isKindMissing(refusalIn(text));
    // Another one of that name is not ours to delete.
    const isAnother = code === 409 && uid !== undefined;
    if (code >= 300 && !isGone && !isAnother) throw await this.#refused(code, text, asked);
  }

  #asked(
    verb: string,
    resource: Resource,
    place: { readonly name: string | undefined; readonly namespace?: string | undefined },
  ): Asked {
    const namespace = resource.namespaced ? (place.namespace ?? this.namespace) : undefined;
    return { server: this.server, verb, resource, namespace, name: place.name };
  }

  async #write<T>(
    method: Wish['method'],
    asked: Asked,
    object: object,
    type: string,
    query: Query,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const body = { type, text: JSON.stringify(object) };
    const { code, text } = await this.#call(method, asked, query, body, signal);
    return await this.#read<T>(code, text, asked);
  }

  #wish(
    method: Wish['method'],
    asked: Asked,
    signal: AbortSignal | undefined,
    query: Query,
    body?: Wish['body'],
  ): Wish {
    const given = Object.entries(query).filter((one): one is [string, string] => !!one[1]);
    const text = new URLSearchParams(given).toString();
    const path = pathOf(asked) + (text === '' ? '' : `?${text}`);
    return { method, path, body, timeoutMs, signal };
  }

  async #call(
    method: Wish['method'],
    asked: Asked,
    query: Query,
    body: Wish['body'],
    signal: AbortSignal | undefined,
  ): Promise<{ readonly code: number; readonly text: string }> {
    const wish = this.#wish(method, asked, signal, query, body);
    for (let tries = 1; ; tries++) {
      const answer = await send(this.#access, wish);
      const text = await textOf(answer).catch((reason: unknown) => {
        throw failure(reason, wish, this.server);
      });
      this.#warnings.take(answer.headers['warning'], asked.resource);
      if (answer.code !== 429 || tries === busyTries) return { code: answer.code, text };
      const seconds = Number(answer.headers['retry-after'] ?? 1);
      const pauseMs = Math.min((Number.isFinite(seconds) ? seconds : 1) * 1_000, longestBusyMs);
      await delay(this.#clock, pauseMs, signal);
    }
  }

  async #read<T>(code: number, text: string, asked: Asked): Promise<T> {
    if (code >= 300) throw await this.#refused(code, text, asked);
    return JSON.parse(text) as T;
  }

  async #refused(code: number, text: string, asked: Asked): Promise<Error> {
    const error = refusalError(code, refusalIn(text), asked, text);
    if (!(error instanceof MissingKindError)) return error;
    return new MissingKindError(missing(asked, await this.#versions(asked.resource)));
  }

  /** Which versions of its group the API server has. */
  async #versions(resource: Resource): Promise<readonly string[]> {
    const group = groupOf(resource);
    if (group === '') return [];
    const wish: Wish = { method: 'GET', path: `/apis/${group}`, timeoutMs };
    try {
      const answer = await send(this.#access, wish);
      const found = JSON.parse(await textOf(answer)) as {
        readonly versions?: readonly { readonly groupVersion: string }[];
      };
      return found.versions?.map(({ groupVersion }) => groupVersion) ?? [];
    } catch {
      return [];
    }
  }
}

interface ListObject<T> {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly T[] | null;
}

function full<T extends KubeObject>({ apiVersion, kind }: Resource, object: T): T {
  return { ...object, apiVersion, kind };
}
