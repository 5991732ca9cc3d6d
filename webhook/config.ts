// SPDX-License-Identifier: Apache-2.0
/** The webhook's environment: cmd-admission-webhook-k8s' variables and our own. */
import { agent } from '../api/env/agent.js';
import { common, probed } from '../api/env/common.js';
import { duration } from '../api/env/duration.js';
import { labelsColon, labelsEquals, list } from '../api/env/list.js';
import { boolean, integer, name, oneOf, text } from '../api/env/text.js';
import { variable, type Table, type Values } from '../api/env/table.js';
import { listenUrls } from '../api/env/urls.js';
import { version } from '../api/version.js';

const ownCertificate = 'this webhook makes its own certificate and keeps it in a Secret';

/** An amount as Kubernetes writes it; empty: none is set. */
const quantity = variable(
  'a quantity such as 100m or 80Mi, or nothing',
  (value) => {
    if (!/^(\d+(\.\d+)?([mkKMGTPE]|[KMGTPE]i)?)?$/.test(value)) throw new Error('is no quantity');
    return value;
  },
  { mayBeEmpty: true },
);

const image = `wanwire:${version}`;

/** Every variable of `wanwire webhook`. */
export const table = {
  NSM_NAME: name({
    default: 'wanwire-webhook',
    description: 'Name of this process, its own among its replicas: the one that leads says it.',
  }),
  WANWIRE_WEBHOOK_LISTEN_ON: listenUrls({
    default: 'tcp://:10443',
    description: 'Where HTTPS is served: /mutate, /validate and /ready.',
  }),
  NSM_SERVICE_NAME: name({
    default: 'wanwire-webhook',
    description: 'The Service by which the API server reaches it; its certificate is for it.',
  }),
  NSM_NAMESPACE: name({
    description:
      'The namespace of that Service and of the Secret; the process’s own where not set.',
  }),
  WANWIRE_WEBHOOK_HOSTS: list({
    default: '',
    description: 'More names and addresses that its certificate is for.',
  }),
  WANWIRE_WEBHOOK_SECRET: name({
    default: 'wanwire-webhook',
    description:
      'The Secret that holds its certificate, made where it is not there, and the Lease of the replica that makes it.',
  }),
  WANWIRE_WEBHOOK_CONFIGURATION: name({
    default: 'wanwire',
    description:
      'The MutatingWebhookConfiguration and the ValidatingWebhookConfiguration that are told whom to trust (caBundle).',
  }),
  WANWIRE_CERTIFICATE_LIFETIME: duration({
    default: '2160h',
    description: 'How long a certificate lives; it is replaced when a third of that is left.',
  }),
  NSM_ANNOTATION: name({
    default: 'networkservicemesh.io',
    description: 'The annotation that says which wires a pod wants.',
  }),
  NSM_LABELS: labelsColon({
    default: '',
    description: 'Labels that pods with wires get, such as spiffe.io/spiffe-id:true.',
  }),
  NSM_NSURL_ENV_NAME: name({
    default: 'NSM_NETWORK_SERVICES',
    description: 'The variable by which a client is told which wires are wanted.',
  }),
  NSM_INIT_CONTAINER_IMAGES: list({
    default: image,
    description:
      'Images of the init containers that ask for the wires. One that is called wanwire runs `wanwire nsc-init`, others what they are made for.',
  }),
  NSM_CONTAINER_IMAGES: list({
    default: image,
    description:
      'Images of the sidecars that keep the wires. One that is called wanwire runs `wanwire nsc`, others what they are made for.',
  }),
  NSM_ENVS: labelsEquals({
    default: '',
    description: 'More variables of the init containers and sidecars.',
  }),
  WANWIRE_SIDECAR: oneOf(
    'native',
    'ordinary',
  )({
    default: 'native',
    description:
      'A native sidecar (an init container that stays) keeps the wires from the moment they are there until all other containers have ended, and lets a Job end; it takes Kubernetes 1.29. An ordinary container is what NSM’s own webhook injects.',
  }),
  NSM_SIDECAR_LIMITS_MEMORY: quantity({
    default: '200Mi',
    description: 'Memory that an init container or sidecar may use.',
  }),
  NSM_SIDECAR_LIMITS_CPU: quantity({
    default: '',
    description:
      'CPU that an init container or sidecar may use; none: as much as there is, for a pod starts the later the less it gets.',
  }),
  NSM_SIDECAR_REQUESTS_MEMORY: quantity({
    default: '70Mi',
    description: 'Memory that is reserved for an init container or sidecar.',
  }),
  NSM_SIDECAR_REQUESTS_CPU: quantity({
    default: '5m',
    description: 'CPU that is reserved for an init container or sidecar.',
  }),
  WANWIRE_RUN_AS_USER: integer(
    1,
    2 ** 31 - 1,
  )({
    default: '65532',
    description: 'The user that init containers and sidecars run as.',
  }),
  WANWIRE_VOLUMES: oneOf(
    'auto',
    'host-path',
    'csi',
  )({
    default: 'auto',
    description:
      'How pods get the sockets: from the host, or by the CSI drivers csi.spiffe.io and csi.networkservicemesh.io; auto: by CSI where the namespace enforces the pod security standard baseline or restricted, which forbid the host’s folders.',
  }),
  WANWIRE_SPIFFE_SOCKET: agent({
    default: 'unix:///run/spire/sockets/agent.sock',
    description: 'The SPIFFE agent’s socket, in a pod and, without CSI, on the host.',
  }),
  WANWIRE_NSM_SOCKET_DIR: name({
    default: '/var/lib/networkservicemesh',
    description: 'The folder of the manager’s socket, in a pod and, without CSI, on the host.',
  }),
  ...probed,
  ...common,
  NSM_WEBHOOK_MODE: oneOf(
    'spire',
    'selfregister',
  )({
    default: 'spire',
    description: 'Where the certificate comes from.',
    unused: ownCertificate,
  }),
  NSM_CERT_FILE_PATH: text({ description: 'A certificate.', unused: ownCertificate }),
  NSM_KEY_FILE_PATH: text({ description: 'Its key.', unused: ownCertificate }),
  NSM_CA_BUNDLE_FILE_PATH: text({ description: 'Who signed it.', unused: ownCertificate }),
  NSM_KUBELET_QPS: integer()({
    default: '50',
    description: 'Requests a second to the API server.',
    unused: 'it asks the API server for next to nothing',
  }),
  WANWIRE_VALIDATE: boolean({
    default: 'true',
    description: 'Refuse Sites, SteeringPolicies, NetworkServices and annotations with mistakes.',
  }),
} as const satisfies Table;

/** The parsed environment. */
export type Config = Values<typeof table>;
