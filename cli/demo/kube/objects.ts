// SPDX-License-Identifier: Apache-2.0
/** What the demo of Kubernetes applies, as a user would write it. */
import { links } from '../sites.js';

/** Of the deployment. */
export const system = 'nsm-system';
/** What annotated pods ask for. */
export const annotation = 'networkservicemesh.io';
/** The name of the service of two pods, and what its endpoint gives out. */
export const hello = { service: 'hello', prefix: '172.30.0.0/24' };

/** The Site of the cluster; the cloud's bundle is a key of the ConfigMap. */
export function siteObject(): string {
  const own = links.map(({ name, device, class: what }) => {
    const quality = 'quality: {holdDownMs: 2000}';
    return `    - {name: ${name}, device: ${device}, class: ${what}, network: ${device}, trusted: true, ${quality}}\n`;
  });
  return `apiVersion: wanwire.io/v1alpha1
kind: Site
metadata: {name: edge}
spec:
  links:
${own.join('')}  peers:
    - site: cloud
      control: ["203.0.113.10:5001", "198.51.100.10:5001"]
      trustBundle: cloud.json
`;
}

/** A policy by which everything takes one class. */
export function policyObject(what: 'low-latency' | 'best-effort'): string {
  return `apiVersion: wanwire.io/v1alpha1
kind: SteeringPolicy
metadata: {name: default}
spec:
  services: [wan]
  default: ${what}
`;
}

/** A pod that does nothing, and has wires where an annotation says so. */
export function podObject(name: string, wires?: string): string {
  const said = wires === undefined ? '' : `, annotations: {${annotation}: "${wires}"}`;
  return `apiVersion: v1
kind: Pod
metadata: {name: ${name}${said}}
spec:
  terminationGracePeriodSeconds: 2
  containers: [{name: app, image: "wanwire-tools:lab"}]
`;
}

/** A pod that is an endpoint: it runs `wanwire nse`, and has the sockets of its node. */
export function endpointObject(name: string, image: string): string {
  return `apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  terminationGracePeriodSeconds: 5
  containers:
    - name: app
      image: ${image}
      args: [nse]
      env:
        - {name: NSM_NAME, value: ${name}}
        - {name: NSM_SERVICE_NAMES, value: ${hello.service}}
        - {name: NSM_CIDR_PREFIX, value: ${hello.prefix}}
        - {name: NSM_UNREGISTER_ITSELF, value: "true"}
        - {name: SPIFFE_ENDPOINT_SOCKET, value: "unix:///run/wanwire/agent/agent.sock"}
      volumeMounts:
        - {name: nsm, mountPath: /var/lib/networkservicemesh}
        - {name: agent, mountPath: /run/wanwire/agent, readOnly: true}
        - {name: tmp, mountPath: /tmp}
  volumes:
    - {name: nsm, hostPath: {path: /var/lib/networkservicemesh, type: Directory}}
    - {name: agent, hostPath: {path: /run/wanwire/agent, type: Directory}}
    - {name: tmp, emptyDir: {}}
`;
}
