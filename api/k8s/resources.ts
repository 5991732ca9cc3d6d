// SPDX-License-Identifier: Apache-2.0
/** The kinds of objects that wanwire reads or writes. */
import type { Resource } from './types.js';

const core = 'v1';
const ours = 'wanwire.io/v1alpha1';
const mesh = 'networkservicemesh.io/v1';
const admission = 'admissionregistration.k8s.io/v1';

const inNamespaces = (apiVersion: string, kind: string, plural: string): Resource => ({
  ...{ apiVersion, kind, plural, namespaced: true },
});
const inCluster = (apiVersion: string, kind: string, plural: string): Resource => ({
  ...{ apiVersion, kind, plural, namespaced: false },
});

/** Pods. */
export const pods = inNamespaces(core, 'Pod', 'pods');
/** Configuration and, of ours, trust bundles. */
export const configMaps = inNamespaces(core, 'ConfigMap', 'configmaps');
/** Keys and certificates. */
export const secrets = inNamespaces(core, 'Secret', 'secrets');
/** Names for pods. */
export const services = inNamespaces(core, 'Service', 'services');
/** The events that `kubectl describe` shows. */
export const events = inNamespaces(core, 'Event', 'events');
/** Machines. */
export const nodes = inCluster(core, 'Node', 'nodes');
/** Namespaces. */
export const namespaces = inCluster(core, 'Namespace', 'namespaces');
/** Who leads. */
export const leases = inNamespaces('coordination.k8s.io/v1', 'Lease', 'leases');
/** Kinds that are not Kubernetes’ own. */
export const customResourceDefinitions = inCluster(
  'apiextensions.k8s.io/v1',
  'CustomResourceDefinition',
  'customresourcedefinitions',
);
/** Who may change an object before it is stored. */
export const mutatingWebhookConfigurations = inCluster(
  admission,
  'MutatingWebhookConfiguration',
  'mutatingwebhookconfigurations',
);
/** Who may refuse an object. */
export const validatingWebhookConfigurations = inCluster(
  admission,
  'ValidatingWebhookConfiguration',
  'validatingwebhookconfigurations',
);

/** Sites, ours. */
export const sites = inCluster(ours, 'Site', 'sites');
/** Steering policies, ours. */
export const steeringPolicies = inCluster(ours, 'SteeringPolicy', 'steeringpolicies');
/** In the client pod's namespace, named by the connection. */
export const wires = inNamespaces(ours, 'Wire', 'wires');
/** Network services, as registry-k8s has them. */
export const networkServices = inNamespaces(mesh, 'NetworkService', 'networkservices');
/** Endpoints, as registry-k8s has them. */
export const networkServiceEndpoints = inNamespaces(
  mesh,
  'NetworkServiceEndpoint',
  'networkserviceendpoints',
);
