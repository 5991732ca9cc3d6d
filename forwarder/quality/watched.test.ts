// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { parsePolicies } from '../../api/site/policy.js';
import type { SiteLink, SteeringPolicy } from '../../api/site/types.js';
import { probeFlags } from '../../bpf/loader/layout.js';
import { compile } from '../steering/compile.js';
import { SlaNumbers } from '../steering/sla-numbers.js';
import type { Peer } from '../steering/peers.js';
import { engineStrand, probeWish, slaGroups, type WatchedStrand } from './watched.js';

const text = `apiVersion: wanwire.io/v1alpha1
kind: SteeringPolicy
metadata: {name: default}
spec:
  services: [wan]
  classes:
    voice: {links: [{name: fibre}], sla: {rttMs: 80}, fallback: [bulk]}
    video: {links: [{name: lte}], sla: {lossPercent: 1}, strict: true}
    chat: {links: [{name: lte}], sla: {rttMs: 80}}
    bulk: {links: [{name: dsl}]}
  default: bulk
`;

function strandOf(id: number, name: string, more: Partial<SiteLink> = {}): WatchedStrand {
  const link: SiteLink = {
    ...{ name, device: name, addresses: [], gateways: [], network: 'internet', class: name },
    ...{ rateMbps: undefined, capGB: undefined, quality: undefined, mtu: undefined },
    ...{ billing: 'flat', profile: 'fixed', trusted: true },
    ...more,
  };
  const where = { id, config: link, ifindex: 1, up: true, addresses: {}, gateways: {}, mtu: 1500 };
  return {
    ...{ id, name: `${name}-cloud/wan0`, link: where, peerLink: 'wan0', family: 4 },
    ...{ local: '', remote: '', mtu: 1450, down: 0, peer: 1, peerName: 'cloud', isProbed: true },
  };
}

t.test('an SLA with the strands that its classes may leave for, and no last resort', (t) => {
  const [policy] = parsePolicies(text, 'policy.yaml') as [SteeringPolicy];
  const numbers = new SlaNumbers();
  numbers.set([policy]);
  const slas = numbers.of(policy);
  const set = { id: 1, service: 'wan', policy, compiled: compile(policy), slas };
  const strands = [
    strandOf(1, 'fibre'),
    strandOf(2, 'lte'),
    strandOf(3, 'dsl'),
    strandOf(4, 'dsl'),
  ];
  const peer = { strands } as unknown as Peer;
  const groups = slaGroups({ all: [set], slas: numbers.all }, [peer]);
  t.strictSame(
    groups.map(({ number, names, strands: own }) => [number, names, own]),
    [
      [1, ['default/voice', 'default/chat'], [1, 2, 3, 4]],
      [2, ['default/video'], [2]],
    ],
  );
  t.end();
});

t.test('how a strand is probed', (t) => {
  const strand = strandOf(7, 'lte', {
    billing: 'metered',
    profile: 'lte',
    quality: { intervalMs: undefined, detectionMs: 400, holdDownMs: undefined, returnPerSecond: 5 },
  });
  t.match(engineStrand(strand), {
    ...{ id: 7, name: 'lte-cloud/wan0', link: 'lte', peer: 'cloud', metered: true },
    settings: { intervalMs: 50, detectionMs: 400, returnPerSecond: 5 },
  });
  const said = { intervalsMs: new Map([[7, 12.5]]), detectionsMs: new Map([[7, 450]]) };
  t.match(probeWish(strand, said), {
    ...{ interval_us: 12_500, detect_us: 450_000, return_rate: 5 },
    ...{ flags: probeFlags.judge, size: 44 },
  });
  t.match(probeWish({ ...strand, isProbed: false }, said), { interval_us: 0, return_rate: 5 });
  t.end();
});
