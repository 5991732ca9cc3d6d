// SPDX-License-Identifier: Apache-2.0
/**
 * Network Service Mesh and SPIRE on a node of the lab, as little of them as a wire takes: the programs of
 * `WANWIRE_PEERS`, which is a folder of the node, so that no image is made of them.
 */
import { dirname } from 'node:path';
import { version } from '../../api/version.js';
import { program } from './programs.js';

/** SPIRE's, as in NSM's own examples. */
export const domain = 'k8s.nsm';
/** Where SPIRE's server is told who is who. */
export const serverSocket = '/run/spire/data/api.sock';
/** The entry above all others: every agent of the cluster. */
export const agents = `spiffe://${domain}/agents`;
/** Where NSM is, and wanwire with it. */
export const system = 'nsm-system';

/** The label by which pods get identities. */
const known = 'spiffe.io/spiffe-id: "true"';
const agentSocket = '{name: SPIFFE_ENDPOINT_SOCKET, value: "unix:///run/spire/sockets/agent.sock"}';
const podName = '{name: NSM_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}';
const managerSocket = 'unix:///var/lib/networkservicemesh/nsm.io.sock';

/** Volumes by their names, and where containers have them. */
const volumes = {
  peers: [dirname(program('nsmgr')), '/peers', 'Directory'],
  spire: ['/run/spire/sockets', '/run/spire/sockets', 'DirectoryOrCreate'],
  nsm: ['/var/lib/networkservicemesh', '/var/lib/networkservicemesh', 'DirectoryOrCreate'],
} as const;
type Volume = keyof typeof volumes;

const volumesOf = (names: readonly Volume[]): string =>
  names
    .map((one) => `{name: ${one}, hostPath: {path: ${volumes[one][0]}, type: ${volumes[one][2]}}}`)
    .join(', ');
const mountsOf = (names: readonly Volume[]): string =>
  names.map((one) => `{name: ${one}, mountPath: ${volumes[one][1]}}`).join(', ');

/** SPIRE's server and agent: nodes and pods are known by what the API server and the kubelet say of them. */
export function spireObjects(): string {
  const server = `server {
      bind_address = "127.0.0.1"
      bind_port = "8081"
      socket_path = "${serverSocket}"
      trust_domain = "${domain}"
      data_dir = "/run/spire/data"
      default_x509_svid_ttl = "1h"
    }
    plugins {
      DataStore "sql" { plugin_data { database_type = "sqlite3" connection_string = "/run/spire/data/data.sqlite3" } }
      NodeAttestor "k8s_psat" { plugin_data { clusters = { lab = { service_account_allow_list = ["spire:spire"] } } } }
      KeyManager "memory" { plugin_data {} }
    }`;
  const agent = `agent {
      data_dir = "/run/spire/data"
      server_address = "127.0.0.1"
      server_port = "8081"
      socket_path = "/run/spire/sockets/agent.sock"
      insecure_bootstrap = true
      trust_domain = "${domain}"
    }
    plugins {
      NodeAttestor "k8s_psat" { plugin_data { cluster = "lab" } }
      KeyManager "memory" { plugin_data {} }
      WorkloadAttestor "k8s" { plugin_data { skip_kubelet_verification = true } }
    }`;
  const pod = (name: string, more: string, mounted: string, volumed: string): string => `
spec:
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec:
      serviceAccountName: spire
      hostNetwork: true
      terminationGracePeriodSeconds: 5
      ${more}
      containers:
        - name: ${name}
          # It has the libraries that they want.
          image: wanwire:${version}
          command: [/peers/${name}, run, -config, /conf/${name}.conf]
          securityContext: {runAsUser: 0}
          volumeMounts: [{name: conf, mountPath: /conf}, {name: data, mountPath: /run/spire/data}, ${mounted}]
      volumes: [{name: conf, configMap: {name: spire}}, {name: data, emptyDir: {}}, ${volumed}]
`;
  const token =
    '{name: token, projected: {sources: [{serviceAccountToken: {path: spire-agent, expirationSeconds: 7200, audience: spire-server}}]}}';
  return [
    'apiVersion: v1\nkind: Namespace\nmetadata: {name: spire}\n',
    'apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: spire, namespace: spire}\n',
    roleObjects('spire', 'spire', [
      '{apiGroups: [authentication.k8s.io], resources: [tokenreviews], verbs: [create]}',
      '{apiGroups: [""], resources: [nodes, pods], verbs: [get, list, watch]}',
      '{apiGroups: [""], resources: [nodes/proxy, nodes/pods], verbs: [get]}',
    ]),
    `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: spire, namespace: spire}
data:
  spire-server.conf: |
    ${server}
  spire-agent.conf: |
    ${agent}
`,
    `apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: spire-server, namespace: spire}` +
      pod('spire-server', '', mountsOf(['peers']), volumesOf(['peers'])),
    `apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: spire-agent, namespace: spire}` +
      pod(
        'spire-agent',
        'hostPID: true',
        `${mountsOf(['peers', 'spire'])}, {name: token, mountPath: /var/run/secrets/tokens}`,
        `${volumesOf(['peers', 'spire'])}, ${token}`,
      ),
  ].join('---\n');
}

/** NSM's definitions, its registry and its manager. Without a name server they find each other by addresses. */
export function nsmObjects(): string {
  const one = (kind: string, name: string, account: string, env: readonly string[]): string =>
    `apiVersion: apps/v1
kind: ${kind}
metadata: {name: ${name}, namespace: ${system}}
spec:
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}, ${known}}}
    spec:
      serviceAccountName: ${account}
      hostNetwork: true
      terminationGracePeriodSeconds: 5
      containers:
        - name: ${name}
          image: wanwire-tools:lab
          command: [/peers/${name}]
          env: [${[agentSocket, ...env].join(', ')}]
          volumeMounts: [${mountsOf(['peers', 'spire', 'nsm'])}]
      volumes: [${volumesOf(['peers', 'spire', 'nsm'])}]
`;
  return [
    `apiVersion: v1\nkind: Namespace\nmetadata: {name: ${system}}\n`,
    definition('NetworkService', ['netsvc', 'netsvcs']),
    definition('NetworkServiceEndpoint', ['nse', 'nses']),
    `apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: registry-k8s, namespace: ${system}}\n`,
    roleObjects('registry-k8s', system, [
      '{apiGroups: [networkservicemesh.io], resources: [networkservices, networkserviceendpoints], verbs: ["*"]}',
    ]),
    one('Deployment', 'registry-k8s', 'registry-k8s', [
      '{name: NSM_LISTEN_ON, value: "tcp://127.0.0.1:5002"}',
      `{name: NSM_NAMESPACE, value: ${system}}`,
    ]),
    one('DaemonSet', 'nsmgr', 'default', [
      podName,
      '{name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}',
      '{name: NODE_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}',
      `{name: NSM_LISTEN_ON, value: "${managerSocket},tcp://$(POD_IP):5001"}`,
      '{name: NSM_REGISTRY_URL, value: "tcp://127.0.0.1:5002"}',
    ]),
  ].join('---\n');
}

/** A pod with one program of NSM's own, and a container `app` beside it where that one is a client. */
export function peerObject(
  name: string,
  what: string,
  env: Readonly<Record<string, string>>,
): string {
  const values = Object.entries(env).map(([key, value]) => `{name: ${key}, value: "${value}"}`);
  return `apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: ${name}, ${known}}}
spec:
  terminationGracePeriodSeconds: 10
  containers:
    - name: app
      image: wanwire-tools:lab
      command: [/peers/${what}]
      env: [${[agentSocket, podName, ...values].join(', ')}]
      volumeMounts: [${mountsOf(['peers', 'spire', 'nsm'])}]
  volumes: [${volumesOf(['peers', 'spire', 'nsm'])}]
`;
}

/** A pod with wanwire's endpoint. */
export function ourEndpoint(name: string, service: string, prefix: string): string {
  const env = [
    ...['NSM_NAME', name, 'NSM_SERVICE_NAMES', service, 'NSM_CIDR_PREFIX', prefix],
    ...['NSM_UNREGISTER_ITSELF', 'true', 'NSM_REGISTER_SERVICE', 'false'],
  ];
  const values = env.flatMap((key, at) =>
    at % 2 === 0 ? [`{name: ${key}, value: "${env[at + 1] ?? ''}"}`] : [],
  );
  return `apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: ${name}, ${known}}}
spec:
  terminationGracePeriodSeconds: 10
  containers:
    - name: app
      image: wanwire:${version}
      args: [nse]
      env: [${[agentSocket, ...values].join(', ')}]
      volumeMounts: [${mountsOf(['spire', 'nsm'])}, {name: tmp, mountPath: /tmp}]
  volumes: [${volumesOf(['spire', 'nsm'])}, {name: tmp, emptyDir: {}}]
`;
}

/** A service that asks for wanwire's forwarder, as docs/kubernetes.md has it. */
export function serviceObject(name: string): string {
  return `apiVersion: networkservicemesh.io/v1
kind: NetworkService
metadata: {name: ${name}, namespace: ${system}}
spec:
  payload: IP
  matches: [{metadata: {labels: {wanwire: "true"}}, routes: [{destination_selector: {}}]}]
`;
}

/** As NSM has it: the API server looks at nothing within. */
function definition(kind: string, short: readonly string[]): string {
  const plural = `${kind.toLowerCase()}s`;
  const schema =
    '{type: object, properties: {spec: {type: object, x-kubernetes-preserve-unknown-fields: true}}}';
  return `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ${plural}.networkservicemesh.io}
spec:
  group: networkservicemesh.io
  scope: Namespaced
  names: {kind: ${kind}, plural: ${plural}, singular: ${kind.toLowerCase()}, shortNames: [${short.join()}]}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: ${schema}}}]
`;
}

function roleObjects(name: string, namespace: string, rules: readonly string[]): string {
  return `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: ${name}}
rules: [${rules.join(', ')}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: ${name}}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: ${name}}
subjects: [{kind: ServiceAccount, name: ${name}, namespace: ${namespace}}]
`;
}
