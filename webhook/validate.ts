// SPDX-License-Identifier: Apache-2.0
/**
 * Refuses what would do nothing, or the wrong thing: a Site, a SteeringPolicy or a NetworkService with a
 * mistake, in the words of the command line, and an annotation that cannot be read, with the place of its
 * mistake. What stays as it was is let pass, so that an object of an older version can still be deleted, labelled
 * or given a status.
 */
import { isDeepStrictEqual } from 'node:util';
import { annotationMistakes } from '../api/annotation/network-service-url.js';
import { objectMistakes } from '../api/site/object.js';
import { anyObject, workload, workloadKinds } from './pods.js';
import type { Request, Verdict } from './review.js';

/** The verdict on one request. */
export function validate(request: Request, annotation: string): Verdict {
  const { kind, operation } = request;
  if (operation !== 'CREATE' && operation !== 'UPDATE') return {};
  if (isDocument(kind.group, kind.kind)) return ofDocument(request);
  const isAnnotated =
    (kind.group === '' && (kind.kind === 'Pod' || kind.kind === 'Namespace')) ||
    (kind.group === 'apps' && workloadKinds.has(kind.kind));
  return isAnnotated ? ofAnnotation(request, annotation) : {};
}

function isDocument(group: string, kind: string): boolean {
  if (group === 'wanwire.io') return kind === 'Site' || kind === 'SteeringPolicy';
  return group === 'networkservicemesh.io' && kind === 'NetworkService';
}

function ofDocument({ object, oldObject }: Request): Verdict {
  if (typeof object !== 'object' || object === null) return {};
  const spec = (of: unknown): unknown => (of as { readonly spec?: unknown } | null)?.spec;
  if (typeof oldObject === 'object' && oldObject !== null) {
    if (isDeepStrictEqual(spec(object), spec(oldObject))) return {};
  }
  const mistakes = objectMistakes(object);
  return mistakes === undefined ? {} : { refusal: mistakes };
}

function ofAnnotation(request: Request, annotation: string): Verdict {
  const { kind, operation } = request;
  const places = workloadKinds.has(kind.kind) ? ['metadata', 'template'] : ['metadata'];
  const before = annotationsOf(request.oldObject, annotation);
  const after = annotationsOf(request.object, annotation);
  const refusals = places.flatMap((place) => {
    const value = after[place];
    if (value === undefined || value.trim() === '' || value === before[place]) return [];
    const mistakes = annotationMistakes(annotation, value);
    return mistakes === undefined
      ? []
      : [place === 'template' ? `template: ${mistakes}` : mistakes];
  });
  if (refusals.length > 0) return { refusal: refusals.join('\n') };
  const isChanged = operation === 'UPDATE' && before['metadata'] !== after['metadata'];
  if (!isChanged) return {};
  if (kind.kind === 'Pod') {
    return {
      warnings: [`${annotation}: a pod gets its wires when it is made: this pod keeps what it has`],
    };
  }
  if (kind.kind === 'Namespace') {
    return {
      warnings: [`${annotation}: pods that are there keep what they have; new ones heed it`],
    };
  }
  return {};
}

function annotationsOf(
  object: unknown,
  annotation: string,
): Readonly<Record<string, string | undefined>> {
  const whole = anyObject.safeParse(object).data;
  const template = workload.safeParse(object).data?.spec.template;
  return {
    metadata: whole?.metadata.annotations?.[annotation],
    template: template?.metadata.annotations?.[annotation],
  };
}
