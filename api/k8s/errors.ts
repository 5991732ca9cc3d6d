// SPDX-License-Identifier: Apache-2.0
/** What an API server refuses, in words that say what to do. */
import { status } from '@grpc/grpc-js';
import { WireError } from '../errors/wire-error.js';
import type { Resource } from './types.js';

/** Somebody has changed the object meanwhile: read it again. */
export class ConflictError extends WireError {
  override readonly name: string = 'ConflictError';

  constructor(message: string) {
    super(status.ABORTED, message);
  }
}

/** The API server no longer knows that version (410): list again. */
export class GoneError extends WireError {
  override readonly name: string = 'GoneError';

  constructor(message: string) {
    super(status.OUT_OF_RANGE, message);
  }
}

/** The API server has no objects of that kind: its CustomResourceDefinition is missing, or older. */
export class MissingKindError extends WireError {
  override readonly name: string = 'MissingKindError';

  constructor(message: string) {
    super(status.NOT_FOUND, message);
  }
}

/** What was asked, for the error's text. */
export interface Asked {
  readonly server: string;
  /** As in a role: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`. */
  readonly verb: string;
  readonly resource: Resource;
  readonly subresource?: string | undefined;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
}

/** `metav1.Status`, as far as we read it. */
export interface Refusal {
  readonly kind?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly code?: number;
  readonly details?: {
    readonly name?: string;
    readonly kind?: string;
    readonly causes?: readonly { readonly field?: string; readonly message?: string }[];
  };
}

/** Whether a 404 is about the kind and not about one object. */
export function isKindMissing(refusal: Refusal | undefined): boolean {
  return (refusal?.details?.name ?? '') === '';
}

/** The error for an answer that is none. `text` is its body where that is no `Status`. */
export function refusalError(
  code: number,
  refusal: Refusal | undefined,
  asked: Asked,
  text = '',
): WireError {
  const said = (refusal?.message ?? text.trim().slice(0, 512)) || `HTTP ${String(code)}`;
  const what = thing(asked);
  const fail = (grpc: status, message: string): WireError => new WireError(grpc, message);
  switch (code) {
    case 400:
      return fail(status.INVALID_ARGUMENT, `${what}: ${said}`);
    case 401:
      return fail(
        status.UNAUTHENTICATED,
        `${asked.server} does not know who we are (${said}): want a valid token or certificate`,
      );
    case 403:
      return fail(status.PERMISSION_DENIED, forbidden(said, asked));
    case 404:
      return isKindMissing(refusal)
        ? new MissingKindError(missing(asked, []))
        : fail(status.NOT_FOUND, `${what}: ${said}`);
    case 409:
      return refusal?.reason === 'AlreadyExists'
        ? fail(status.ALREADY_EXISTS, `${what}: ${said}`)
        : new ConflictError(`${what}: ${said}`);
    case 410:
      return new GoneError(`${what}: ${said}`);
    case 405:
      return fail(status.UNIMPLEMENTED, `may not ${asked.verb} ${what}: ${said}`);
    case 413:
    case 422:
      return fail(status.INVALID_ARGUMENT, `${what}: ${said}`);
    case 429:
      return fail(status.RESOURCE_EXHAUSTED, `${asked.server}: ${said}`);
    default:
      return fail(
        code >= 500 ? status.UNAVAILABLE : status.INTERNAL,
        `${asked.verb} ${what} at ${asked.server}: ${said}`,
      );
  }
}

/** That a kind is unknown; `versions` are those of its group that the API server has. */
export function missing({ resource, server }: Asked, versions: readonly string[]): string {
  const has = versions.length === 0 ? '' : ` (it has ${versions.join(', ')})`;
  const group = groupOf(resource);
  const cure = /(^|\.)(wanwire|networkservicemesh)\.io$/.test(group)
    ? `: its CustomResourceDefinition is missing or older than this wanwire: kubectl apply -k deploy/kustomize/crds`
    : '';
  return `${server} knows no ${resource.plural} of ${resource.apiVersion}${has}${cure}`;
}

/** `""` for the core group. */
export function groupOf({ apiVersion }: Resource): string {
  return apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';
}

function thing({ resource, namespace, name, subresource }: Asked): string {
  const place = [namespace, name].filter((one) => one !== undefined).join('/');
  const part = subresource === undefined ? '' : ` (${subresource})`;
  return `${resource.plural}${place === '' ? '' : ` ${place}`}${part}`;
}

/** Roles refuse by this text; admission has its own words. */
const byRole = /User "([^"]*)" cannot \S+ resource/;

function forbidden(said: string, asked: Asked): string {
  const user = byRole.exec(said)?.[1];
  if (user === undefined) return `${thing(asked)}: ${said}`;
  const { verb, resource, namespace, subresource } = asked;
  const plural = subresource === undefined ? resource.plural : `${resource.plural}/${subresource}`;
  const where = namespace === undefined ? 'in the whole cluster' : `in namespace ${namespace}`;
  const role =
    namespace === undefined ? 'a ClusterRole' : `a Role in ${namespace} or a ClusterRole`;
  return (
    `${user} may not ${verb} ${plural} ${where}: grant it by ${role} with ` +
    `apiGroups: ["${groupOf(resource)}"], resources: ["${plural}"], verbs: ["${verb}"]`
  );
}

/** Where it is in the API. */
export function pathOf({ resource, namespace, name, subresource }: Asked): string {
  const { apiVersion, plural } = resource;
  const parts = [
    apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`,
    ...(namespace === undefined ? [] : ['namespaces', encodeURIComponent(namespace)]),
    plural,
    ...(name === undefined ? [] : [encodeURIComponent(name)]),
    ...(subresource === undefined ? [] : [subresource]),
  ];
  return parts.join('/');
}

/** The refusal in an answer's body, where it is one. */
export function refusalIn(text: string): Refusal | undefined {
  try {
    const read = JSON.parse(text) as Refusal | null;
    return read?.kind === 'Status' ? read : undefined;
  } catch {
    return undefined;
  }
}
