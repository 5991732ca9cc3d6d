// SPDX-License-Identifier: Apache-2.0
/**
 * Entries of the registry as objects of `networkservicemesh.io/v1`, in the form that registry-k8s writes:
 * the message's fields in snake case as `spec`. What only wanwire needs is in annotations.
 */
import { createHash } from 'node:crypto';
import { NetworkService, NetworkServiceEndpoint } from '../../api/gen/registry.js';
import type { Timestamp } from '../../api/gen/google/protobuf/timestamp.js';
import type { KubeObject } from '../../api/k8s/types.js';

/** The manager that wrote an object (its NSM_NAME). */
export const managerKey = 'wanwire.io/manager';
/** Where that manager itself reaches the endpoint. */
const localUrlKey = 'wanwire.io/local-url';

/** An entry's object. */
export interface Stored extends KubeObject {
  readonly spec?: unknown;
}

/** Who writes and reads. */
export interface Author {
  /** The manager's name: the same after a restart, and another on each node. */
  readonly manager: string;
  /** Where other nodes reach this manager; not known before it listens. */
  readonly publicUrl: () => string | undefined;
}

/** What of an object an entry is. */
export interface Part {
  readonly spec: object;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Between entries of one kind and objects. */
export interface Codec<T> {
  encode(entry: T): Part;
  /** Nothing where it is of no use here. */
  decode(object: Stored): T | undefined;
}

/** Services. */
export function serviceCodec({ manager }: Author): Codec<NetworkService> {
  return {
    encode: ({ name, payload, matches, pathIds }) => ({
      spec: {
        ...{ name, payload },
        matches: matches.map(({ sourceSelector, routes, fallthrough, metadata }) => ({
          source_selector: sourceSelector,
          routes: routes.map(({ destinationSelector, weight }) => ({
            destination_selector: destinationSelector,
            ...(weight > 0 && { weight }),
          })),
          ...(fallthrough && { fallthrough }),
          ...(metadata && { metadata: { labels: metadata.labels } }),
        })),
        ...(pathIds.length > 0 && { path_ids: pathIds }),
      },
      annotations: { [managerKey]: manager },
    }),
    decode: ({ metadata, spec }) => {
      const { name, payload, matches, path_ids: pathIds } = fields(spec);
      return NetworkService.fromPartial({
        name: text(name) || metadata.name,
        // As registered ones; kubectl may leave it out.
        payload: text(payload) || 'IP',
        pathIds: texts(pathIds),
        matches: list(matches).map((one) => {
          const match = fields(one);
          return {
            sourceSelector: labels(match['source_selector']),
            fallthrough: match['fallthrough'] === true,
            metadata:
              match['metadata'] == null
                ? undefined
                : { labels: labels(fields(match['metadata'])['labels']) },
            routes: list(match['routes']).map((route) => ({
              destinationSelector: labels(fields(route)['destination_selector']),
              weight: number(fields(route)['weight']),
            })),
          };
        }),
      });
    },
  };
}

/**
 * Endpoints. Others reach one that has registered here through this manager, so they read its public URL, as
 * with NSM; the URL as registered is kept beside, for after a restart. An endpoint behind another manager
 * that has no public URL, and another manager's forwarder, are of no use here.
 */
export function endpointCodec(
  { manager, publicUrl }: Author,
  forwarderService: string,
): Codec<NetworkServiceEndpoint> {
  return {
    encode: (entry) => {
      const url = publicUrl() ?? entry.url;
      const { initialRegistrationTime: first, expirationTime: end } = entry;
      const byService = Object.entries(entry.networkServiceLabels);
      return {
        spec: {
          name: entry.name,
          url,
          network_service_names: entry.networkServiceNames,
          network_service_labels: Object.fromEntries(
            byService.map(([service, { labels: of }]) => [service, { labels: of }]),
          ),
          ...(end && { expiration_time: seconds(end) }),
          ...(first && { initial_registration_time: seconds(first) }),
          ...(entry.pathIds.length > 0 && { path_ids: entry.pathIds }),
        },
        annotations: { [managerKey]: manager, [localUrlKey]: entry.url },
      };
    },
    decode: ({ metadata, spec }) => {
      const of = fields(spec);
      const names = texts(of['network_service_names']);
      const writer = metadata.annotations?.[managerKey];
      const isOurs = writer === manager;
      const url = (isOurs ? metadata.annotations?.[localUrlKey] : undefined) ?? text(of['url']);
      const isOutOfReach = writer !== undefined && !isOurs && !url.startsWith('tcp:');
      const isForeignForwarder = !isOurs && names.includes(forwarderService);
      if (url === '' || isOutOfReach || isForeignForwarder) return undefined;
      const byService = Object.entries(fields(of['network_service_labels']));
      return NetworkServiceEndpoint.fromPartial({
        name: text(of['name']) || metadata.name,
        ...{ url, networkServiceNames: names, pathIds: texts(of['path_ids']) },
        networkServiceLabels: Object.fromEntries(
          byService.map(([service, one]) => [service, { labels: labels(fields(one)['labels']) }]),
        ),
        expirationTime: timestamp(of['expiration_time']),
        initialRegistrationTime: timestamp(of['initial_registration_time']),
      });
    },
  };
}

/** Who registered an object's entry. */
export function ownerOf({ spec }: Stored): string | undefined {
  return texts(fields(spec)['path_ids'])[0];
}

/** An entry's name as an object's: itself where Kubernetes takes it, else what is like it, made unique by a hash. */
export function objectName(name: string): string {
  const taken = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
  if (taken.test(name)) return name;
  const like = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 10);
  return `${like.slice(0, 200)}-${hash}`.replace(/^-+/, '');
}

function seconds({ seconds: whole, nanos }: Timestamp): object {
  return { seconds: Number(whole), ...(nanos > 0 && { nanos }) };
}

/** registry-k8s writes seconds and nanoseconds; people write RFC 3339. */
function timestamp(value: unknown): Timestamp | undefined {
  if (typeof value === 'string' && !Number.isNaN(Date.parse(value))) {
    return { seconds: BigInt(Math.floor(Date.parse(value) / 1_000)), nanos: 0 };
  }
  const { seconds: whole, nanos } = fields(value);
  if (typeof whole !== 'number' || !Number.isInteger(whole)) return undefined;
  return { seconds: BigInt(whole), nanos: number(nanos) };
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  const is = typeof value === 'object' && value !== null && !Array.isArray(value);
  return is ? (value as Readonly<Record<string, unknown>>) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function number(value: unknown): number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : 0;
}

function texts(value: unknown): string[] {
  return list(value).filter((one) => typeof one === 'string');
}

function labels(value: unknown): Record<string, string> {
  const all = Object.entries(fields(value));
  return Object.fromEntries(
    all.filter((one): one is [string, string] => typeof one[1] === 'string'),
  );
}
