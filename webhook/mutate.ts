// SPDX-License-Identifier: Apache-2.0
/**
 * Gives pods and workloads that are annotated their client. Which annotation counts: a pod's own, else
 * its namespace's; a workload's own is injected into its template, unless the template has one (then
 * each of its pods gets its client by itself). An empty annotation on a pod: no wires, whatever
 * the namespace says.
 *
 * A pod is looked at when it is made, for its containers cannot change later; a workload also when it is updated.
 */
import { annotationMistakes } from '../api/annotation/network-service-url.js';
import type { Logger } from '../api/log/log.js';
import { hasForeignClient, hasOwnClient, injected } from './inject.js';
import { volumesIn, type NamespaceFacts, type Namespaces } from './namespaces.js';
import { pod as podSchema, workload as workloadSchema, workloadKinds, type Pod } from './pods.js';
import type { Request, Verdict } from './review.js';
import type { Settings, VolumeKind } from './settings.js';

/** What a verdict is made with. */
export interface MutateOptions {
  readonly settings: Settings;
  readonly namespaces: Namespaces;
  readonly log: Logger;
}

const untouched: Verdict = {};

/** The verdict on one request; never rejects for what stands in it. */
export async function mutate(request: Request, options: MutateOptions): Promise<Verdict> {
  const { kind, operation } = request;
  if (kind.kind === 'Pod' && kind.group === '' && operation === 'CREATE') {
    return await ofPod(request, options);
  }
  const changes = operation === 'CREATE' || operation === 'UPDATE';
  if (kind.group === 'apps' && workloadKinds.has(kind.kind) && changes) {
    return await ofWorkload(request, options);
  }
  return untouched;
}

async function ofPod(request: Request, options: MutateOptions): Promise<Verdict> {
  const { settings } = options;
  const { success, data: pod } = podSchema.safeParse(request.object);
  // The API server has looked at it before, and says what is wrong with it better than we could.
  if (!success) return untouched;
  const own = pod.metadata.annotations?.[settings.annotation];
  const looked = await lookUp(request, options);
  const wires = own ?? looked.facts?.annotations[settings.annotation];
  const warnings = wires === undefined || own === undefined ? looked.warnings : [];
  if (wires === undefined || wires.trim() === '') return { warnings };
  // Injected by its workload, or before.
  if (own === undefined && hasOwnClient(pod, settings)) return untouched;
  const place = own === undefined ? ` (annotation of namespace ${request.namespace})` : '';
  const mistakes = annotationMistakes(settings.annotation, wires);
  if (mistakes !== undefined) return { refusal: mistakes + place };
  const unfit = unfitness(pod);
  if (unfit !== undefined && own === undefined) return untouched;
  if (unfit !== undefined) return { refusal: `${settings.annotation}: ${unfit}` };
  return patched(pod, options, {
    ...{ wires, path: '', byUid: !isNameRandom(pod) },
    volumes: volumesOf(settings, looked.facts),
    warnings: looked.warnings,
  });
}

async function ofWorkload(request: Request, options: MutateOptions): Promise<Verdict> {
  const { settings } = options;
  const { success, data: workload } = workloadSchema.safeParse(request.object);
  if (!success) return untouched;
  const { metadata, spec } = workload;
  const wires = metadata.annotations?.[settings.annotation];
  if (wires === undefined || wires.trim() === '') return untouched;
  // Its Deployment has them.
  if (metadata.ownerReferences?.some(({ kind }) => kind === 'Deployment')) return untouched;
  const mistakes = annotationMistakes(settings.annotation, wires);
  if (mistakes !== undefined) return { refusal: mistakes };
  if (spec.template.metadata.annotations?.[settings.annotation] !== undefined) return untouched;
  const unfit = unfitness(spec.template);
  if (unfit !== undefined) return { refusal: `${settings.annotation}: ${unfit}` };
  const { facts, warnings } = await lookUp(request, options);
  return patched(spec.template, options, {
    ...{ wires, path: '/spec/template', warnings },
    byUid: request.kind.kind === 'StatefulSet',
    volumes: volumesOf(settings, facts),
  });
}

interface Patching {
  readonly wires: string;
  readonly path: string;
  readonly byUid: boolean;
  readonly volumes: VolumeKind;
  readonly warnings: readonly string[];
}

function patched(pod: Pod, { settings }: MutateOptions, { warnings, ...how }: Patching): Verdict {
  if (hasForeignClient(pod, settings)) return untouched;
  return { patch: injected(pod, { settings, ...how }), warnings };
}

/** Why a pod cannot have wires. */
function unfitness({ spec }: Pod): string | undefined {
  if (spec.hostNetwork === true) {
    return 'the pod has hostNetwork: true, so that its wires would be the whole node’s: want a network namespace of its own, or no annotation';
  }
  if (spec.os?.name !== undefined && spec.os.name !== 'linux') {
    return `the pod is for ${spec.os.name}: want linux, or no annotation`;
  }
  return undefined;
}

/** Names that the API server has made, or will make, are never used again; others may be. */
function isNameRandom({ metadata: { name = '', generateName = '', ownerReferences } }: Pod) {
  if (generateName === '' || ownerReferences?.some(({ kind }) => kind === 'StatefulSet')) {
    return false;
  }
  const tail = name.startsWith(generateName) ? name.slice(generateName.length) : name;
  return name === '' || /^[bcdfghjklmnpqrstvwxz2456789]{5}$/.test(tail);
}

function volumesOf({ volumes }: Settings, facts: NamespaceFacts | undefined): VolumeKind {
  return volumes === 'auto' ? volumesIn(facts) : volumes;
}

async function lookUp(
  { namespace }: Request,
  { namespaces, log }: MutateOptions,
): Promise<{ readonly facts: NamespaceFacts | undefined; readonly warnings: readonly string[] }> {
  try {
    return { facts: await namespaces.get(namespace), warnings: [] };
  } catch (reason) {
    log.warn({ err: reason, namespace }, 'a namespace cannot be looked up');
    const text = `wanwire: namespace ${namespace} cannot be looked up: an annotation of it, and its pod security standard, were not heeded`;
    return { facts: undefined, warnings: [text] };
  }
}
