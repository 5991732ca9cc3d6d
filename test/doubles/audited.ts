// SPDX-License-Identifier: Apache-2.0
/** A policy, its links, and the requests and session events that an audit joins. */
import { parsePolicies } from '../../api/site/policy.js';
import type { LoggedRequest } from '../../cli/audit/entry.js';
import type { BookLink, BookStrand, Look } from '../../cli/audit/link-book.js';
import type { PolicyText } from '../../cli/audit/policy-history.js';
import type { SessionChange } from '../../forwarder/operator/session-event.js';

/** `boss` is low-latency, `batch` is of a strict class, the rest best-effort. */
export const policyYaml = `apiVersion: wanwire.io/v1alpha1
kind: SteeringPolicy
metadata: {name: mesh}
spec:
  services: [wan]
  classes:
    low-latency: {links: [{class: low-latency}], fallback: [best-effort]}
    private: {links: [{class: bulk}], strict: true}
  rules:
    - {name: boss, match: {http: {headers: {user: boss}}}, class: low-latency}
    - {name: batch, match: {http: {path: {prefix: /batch}}}, class: private}
    - {name: voice, match: {dscp: [ef]}, class: low-latency}
  default: best-effort
`;

/** What {@link policyYaml} says. */
export function policyText(text = policyYaml): PolicyText {
  const [policy] = parsePolicies(text, 'policy.yaml');
  if (policy === undefined) throw new TypeError('there is no policy');
  return { policy, links: [] };
}

/** Of the site that the policy is for. */
export const links: readonly BookLink[] = [
  { name: 'fibre', class: 'low-latency' },
  { name: 'lte', class: 'best-effort' },
  { name: 'spare', class: 'bulk' },
];

/** A strand over each link, those of `down` not to be used. */
export function look(at: number, ...down: readonly string[]): Look {
  const strands: BookStrand[] = links.map(({ name }) => ({
    name: `${name}-cloud/wan0`,
    link: name,
    peer: 'cloud-forwarder',
    up: !down.includes(name),
  }));
  return { at, links, strands };
}

/** An end of this pod's connections. */
export const source = '172.16.0.1:40000';
/** The service. */
export const destination = '10.60.0.9:8000';

/** A request of `user` from one time to another. */
export function request(
  user: string,
  from: number,
  to: number,
  more: Partial<LoggedRequest> = {},
): LoggedRequest {
  return {
    envoy: 'edge-1',
    id: `${user}-${String(from)}`,
    began: from,
    sent: from,
    from,
    to,
    http: { method: 'GET', path: '/echo?x=1', host: 'service:8000', headers: { user } },
    connection: { protocol: 'tcp', source, destination },
    route: '',
    cluster: '',
    attempts: 1,
    code: 200,
    details: 'via_upstream',
    ...more,
  };
}

/** What happened to the session of {@link request}, on a wire of one class. */
export function change(
  kind: SessionChange['kind'],
  at: number,
  link: string,
  more: Partial<SessionChange> = {},
): SessionChange {
  return {
    at,
    kind,
    wire: { id: 'w-1', client: 'nsc', service: 'wan-low-latency@cloud', interface: 'nsm-low' },
    protocol: 'tcp',
    source,
    destination,
    class: 'low-latency',
    rule: '',
    strand: `${link}-cloud/wan0`,
    link,
    generation: 1,
    ...more,
  };
}
