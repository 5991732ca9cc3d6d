// SPDX-License-Identifier: Apache-2.0
/** What a forwarder tells at its operator's socket, as far as it is looked at. */
import { z } from 'zod';

const wire = z.object({
  id: z.string(),
  connection: z.string(),
  client: z.string(),
  identity: z.string().nullable(),
  labels: z.record(z.string(), z.string()),
  service: z.string(),
  endpoint: z.string(),
  interface: z.string(),
  clientAddresses: z.array(z.string()),
  endpointAddresses: z.array(z.string()),
  state: z.enum(['up', 'down']),
  peer: z.string().nullable(),
});
const figures = {
  rttMs: z.number().nullable(),
  jitterMs: z.number().nullable(),
  lossPercent: z.number().nullable(),
};
const strand = z.object({
  name: z.string(),
  link: z.string(),
  peer: z.string(),
  state: z.string(),
  why: z.string(),
  ...figures,
});
const link = z.object({ name: z.string(), state: z.enum(['up', 'degraded', 'down']), ...figures });
const end = z.object({ strand: z.string(), link: z.string() });
const move = z.object({ from: end, to: end, sessions: z.number() });

/** `GET /wires`. */
export const wiresAnswer = z.object({ wires: z.array(wire) });
/** `GET /quality`. */
export const qualityAnswer = z.object({ strands: z.array(strand) });
/** `GET /links`. */
export const linksAnswer = z.object({ links: z.array(link) });
/** `GET /policies`. */
export const policiesAnswer = z.object({
  policies: z.array(z.object({ name: z.string(), from: z.string(), digest: z.string() })),
});
/** `GET /moves`. */
export const movesAnswer = z.object({ epoch: z.string(), lost: z.number(), moves: z.array(move) });
/** A line of `GET /changes`. */
export const changeLine = z.object({
  versions: z.object({
    wires: z.string(),
    policies: z.string(),
    links: z.string(),
    moves: z.string(),
  }),
});

/** A wire as the forwarder tells it. */
export type Wire = z.infer<typeof wire>;
/** A strand as the forwarder tells it. */
export type Strand = z.infer<typeof strand>;
/** A link as the forwarder tells it. */
export type Link = z.infer<typeof link>;
/** Sessions that went from one strand to another, as the forwarder has counted them. */
export type Moves = z.infer<typeof movesAnswer>;
/** Of each thing that may be asked. */
export type Versions = z.infer<typeof changeLine>['versions'];

/** What is known of a forwarder. */
export interface Told {
  readonly isRunning: boolean;
  /** Undefined: it has not been heard in this life. */
  readonly wires: readonly Wire[] | undefined;
  readonly links: readonly Link[];
  readonly strands: readonly Strand[];
  /** Of the site's file, that are in force: a digest by name. */
  readonly policies: Readonly<Record<string, string>>;
  readonly moves: Moves;
}

/** Before anything is told. */
export const nothingTold: Told = {
  isRunning: false,
  wires: undefined,
  links: [],
  strands: [],
  policies: {},
  moves: { epoch: '', lost: 0, moves: [] },
};
