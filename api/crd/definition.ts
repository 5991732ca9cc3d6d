// SPDX-License-Identifier: Apache-2.0
/** CustomResourceDefinitions around their schemas. */
import type { KubeObject, Resource } from '../k8s/types.js';
import type { Structural } from './structural.js';

/** A column of `kubectl get`. */
export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'date';
  readonly jsonPath: string;
  readonly description?: string;
  /** 1: only with `-o wide`. */
  readonly priority?: 1;
}

/** What a kind is made of. */
export interface Kind {
  readonly resource: Resource;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories?: readonly string[];
  readonly description: string;
  readonly spec?: Structural;
  readonly status?: Structural;
  /** Whether `status` is written apart from the rest. */
  readonly hasStatusPart: boolean;
  readonly columns: readonly Column[];
}

/** A CustomResourceDefinition. */
export interface Definition extends KubeObject {
  readonly spec: object;
}

/** When it was made, as every kind shows it last. */
const age: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

/** The definition of a kind. */
export function definition(kind: Kind): Definition {
  const { resource, singular, shortNames, categories, description, columns } = kind;
  const { plural, kind: name, namespaced } = resource;
  const [group = '', version = ''] = resource.apiVersion.split('/');
  const parts = {
    ...(kind.spec && { spec: kind.spec }),
    ...(kind.status && { status: kind.status }),
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, labels: { 'app.kubernetes.io/name': 'wanwire' } },
    spec: {
      group,
      scope: namespaced ? 'Namespaced' : 'Cluster',
      names: {
        ...{ plural, singular, kind: name, listKind: `${name}List`, shortNames },
        ...(categories && { categories }),
      },
      versions: [
        {
          ...{ name: version, served: true, storage: true },
          ...(kind.hasStatusPart && { subresources: { status: {} } }),
          additionalPrinterColumns: [...columns, age],
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description,
              properties: {
                apiVersion: { type: 'string' },
                kind: { type: 'string' },
                metadata: { type: 'object' },
                ...parts,
              },
              ...(kind.spec?.required && { required: ['spec'] }),
            },
          },
        },
      ],
    },
  };
}

/** The column of a condition. */
export function conditionColumn(type: string): Column {
  return {
    ...{ name: type, type: 'string' },
    jsonPath: `.status.conditions[?(@.type=="${type}")].status`,
  };
}

/** `metav1.Condition`s. */
export const conditions: Structural = {
  type: 'array',
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['type'],
  items: {
    type: 'object',
    required: ['type', 'status', 'lastTransitionTime', 'reason', 'message'],
    properties: {
      type: { type: 'string' },
      status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
      observedGeneration: { type: 'integer', format: 'int64', minimum: 0 },
      lastTransitionTime: { type: 'string', format: 'date-time' },
      reason: { type: 'string' },
      message: { type: 'string' },
    },
  },
};
