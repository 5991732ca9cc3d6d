// SPDX-License-Identifier: Apache-2.0
/**
 * The JSON patch that gives a pod, or a template of pods, its client.
 *
 * What is there already stays as it is, so that a second call, a second webhook and an UPDATE change
 * nothing; only the text that says which wires are wanted follows the annotation.
 */
import { containersFor, literal, volumesFor, type Injected } from './containers.js';
import type { Container, Pod } from './pods.js';
import type { Operation } from './review.js';
import type { Settings, VolumeKind } from './settings.js';

/** What is to be injected, and into what. */
export interface Injection {
  readonly settings: Settings;
  readonly wires: string;
  readonly byUid: boolean;
  readonly volumes: VolumeKind;
  /** Of the pod in its object: empty, or `/spec/template`. */
  readonly path: string;
}

/** Whether a client of somebody else's is in it, such as one that NSM's own webhook has injected. */
export function hasForeignClient(pod: Pod, settings: Settings): boolean {
  const names = ownNames(settings);
  return allContainers(pod).some(
    ({ name, env }) =>
      !names.has(name) && (env ?? []).some((one) => one.name === settings.variable),
  );
}

/** Whether one of ours is in it. */
export function hasOwnClient(pod: Pod, settings: Settings): boolean {
  const names = ownNames(settings);
  return allContainers(pod).some(({ name }) => names.has(name));
}

/** The patch; empty where nothing is missing. */
export function injected(pod: Pod, injection: Injection): readonly Operation[] {
  const { settings, wires, path, volumes } = injection;
  const containers = containersFor(injection);
  const lists = (['initContainers', 'containers'] as const).flatMap((list) => {
    const wanted = containers.filter((one) => one.list === list);
    const missing = wanted.filter(({ container }) => !isThere(pod, container.name));
    return appended(
      `${path}/spec/${list}`,
      pod.spec[list],
      missing.map(({ container }) => container),
    );
  });
  const missing = volumesFor(settings, volumes).filter(
    ({ name }) => !(pod.spec.volumes ?? []).some((one) => one.name === name),
  );
  return [
    ...lists,
    ...following(pod, containers, { path, variable: settings.variable, wires }),
    ...appended(`${path}/spec/volumes`, pod.spec.volumes, missing),
    ...labelled(`${path}/metadata`, pod, settings.labels),
  ];
}

function ownNames(settings: Settings): ReadonlySet<string> {
  const all = containersFor({ settings, wires: '', byUid: false });
  return new Set(all.map(({ container }) => container.name));
}

function allContainers({ spec }: Pod): readonly Container[] {
  return [...(spec.initContainers ?? []), ...(spec.containers ?? [])];
}

function isThere(pod: Pod, name: string): boolean {
  return allContainers(pod).some((one) => one.name === name);
}

function appended(
  path: string,
  there: readonly object[] | null | undefined,
  more: readonly object[],
): Operation[] {
  if (more.length === 0) return [];
  if (there === undefined || there === null) return [{ op: 'add', path, value: more }];
  return more.map((value) => ({ op: 'add', path: `${path}/-`, value }));
}

interface Following {
  readonly path: string;
  readonly variable: string;
  readonly wires: string;
}

/** Those of ours that are there and were told other wires. */
function following(
  pod: Pod,
  wanted: readonly Injected[],
  { path, variable, wires }: Following,
): Operation[] {
  const names = new Set(wanted.map(({ container }) => container.name));
  return (['initContainers', 'containers'] as const).flatMap((list) =>
    (pod.spec[list] ?? []).flatMap(({ name, env }, at): Operation[] => {
      if (!names.has(name)) return [];
      const index = (env ?? []).findIndex((one) => one.name === variable);
      const value = literal(wires);
      if (index < 0 || env?.[index]?.value === value) return [];
      const place = `${path}/spec/${list}/${String(at)}/env/${String(index)}/value`;
      return [{ op: 'replace', path: place, value }];
    }),
  );
}

function labelled(
  path: string,
  { metadata }: Pod,
  labels: Readonly<Record<string, string>>,
): Operation[] {
  const missing = Object.entries(labels).filter(([key, value]) => metadata.labels?.[key] !== value);
  if (missing.length === 0) return [];
  if (metadata.labels === undefined || metadata.labels === null) {
    const whole = Object.keys(metadata).length === 0;
    const value = Object.fromEntries(missing);
    return whole
      ? [{ op: 'add', path, value: { labels: value } }]
      : [{ op: 'add', path: `${path}/labels`, value }];
  }
  return missing.map(([key, value]) => ({
    op: 'add',
    path: `${path}/labels/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`,
    value,
  }));
}
