// SPDX-License-Identifier: Apache-2.0
/** Kubernetes' objects as far as the webhook looks at them. What else they say is left as it is. */
import { z } from 'zod';

const texts = z.record(z.string(), z.string());

const env = z.looseObject({ name: z.string(), value: z.string().optional() });

const container = z.looseObject({
  name: z.string(),
  image: z.string().optional(),
  env: z.array(env).nullish(),
});
/** A container of a pod. */
export type Container = z.output<typeof container>;

const podSpec = z.looseObject({
  containers: z.array(container).nullish(),
  initContainers: z.array(container).nullish(),
  volumes: z.array(z.looseObject({ name: z.string() })).nullish(),
  hostNetwork: z.boolean().nullish(),
  os: z.looseObject({ name: z.string() }).nullish(),
});

const metadata = z.looseObject({
  name: z.string().optional(),
  generateName: z.string().optional(),
  namespace: z.string().optional(),
  labels: texts.nullish(),
  annotations: texts.nullish(),
  ownerReferences: z.array(z.looseObject({ kind: z.string() })).nullish(),
});

/** Any object. */
export const anyObject = z.looseObject({ metadata: metadata.default({}) });
/** Any object. */
export type AnyObject = z.output<typeof anyObject>;

/** A pod, or the template of one. */
export const pod = z.looseObject({ metadata: metadata.default({}), spec: podSpec });
/** A pod, or the template of one. */
export type Pod = z.output<typeof pod>;

/** What makes pods by a template. */
export const workload = z.looseObject({
  metadata: metadata.default({}),
  spec: z.looseObject({ template: pod }),
});

/** The kinds of {@link workload}. */
export const workloadKinds: ReadonlySet<string> = new Set([
  'Deployment',
  'DaemonSet',
  'StatefulSet',
  'ReplicaSet',
]);
