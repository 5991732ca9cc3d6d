// SPDX-License-Identifier: Apache-2.0
/**
 * The path of a registration: a token of each hop, in gRPC metadata `path`, both ways
 * (upstream's grpcmetadata and registry/common/updatepath). Unlike a connection's it has no names.
 */
import { invalid } from '../errors/wire-error.js';

/** As it goes from hop to hop; each changes it. */
export interface RegistryPath {
  /** The segment of who has it now. */
  index: number;
  tokens: string[];
}

/** The metadata's name. */
export const pathKey = 'path';

const most = { characters: 262_144, segments: 64, token: 16_384 };
const wanted = '{"Index":0,"PathSegments":null}, or with segments such as {"token":"..."}';

/** One without segments, as a first registration sends. */
export function emptyPath(): RegistryPath {
  return { index: 0, tokens: [] };
}

/** Of the metadata's text; INVALID_ARGUMENT. */
export function parsePath(text: string): RegistryPath {
  const refuse = (why: string): Error => invalid('metadata path', why, wanted);
  if (text.length > most.characters) throw refuse(`${String(text.length)} characters`);
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    throw refuse('no JSON');
  }
  const { Index: index, PathSegments: segments } = fieldsOf(read);
  if (typeof index !== 'number' || !Number.isInteger(index) || index < 0) throw refuse('no Index');
  const list: unknown = segments ?? [];
  if (!Array.isArray(list) || list.length > most.segments) throw refuse('no list of segments');
  const tokens = list.map((segment: unknown) => {
    const { token = '' } = fieldsOf(segment);
    if (typeof token !== 'string' || token.length > most.token) throw refuse('no token');
    return token;
  });
  if (index >= Math.max(tokens.length, 1)) {
    throw refuse(`Index ${String(index)} of ${String(tokens.length)} segments`);
  }
  return { index, tokens };
}

/** As metadata. */
export function formatPath({ index, tokens }: RegistryPath): string {
  const segments = tokens.length === 0 ? null : tokens.map((token) => ({ token }));
  return JSON.stringify({ Index: index, PathSegments: segments });
}

/** At a server: note the caller's token in its segment and ours in the next, which is then ours. */
export function stepInto(path: RegistryPath, caller: string, own: string): void {
  path.tokens[path.index] = caller;
  path.index++;
  path.tokens[path.index] = own;
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null)
    throw invalid('metadata path', 'no object', wanted);
  return value as Readonly<Record<string, unknown>>;
}
