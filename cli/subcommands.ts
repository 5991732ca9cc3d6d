// SPDX-License-Identifier: Apache-2.0
/** What `wanwire` can be asked for. `main.ts` offers it, and `docs.ts` writes docs/commands.md of it. */
import type { Command } from 'commander';

/** One subcommand of `wanwire`. */
export interface Subcommand {
  readonly summary: string;
  readonly load: () => Promise<{ command(): Command }>;
}

/** All of them, in the order in which help tells them. */
export const subcommands: Readonly<Record<string, Subcommand>> = {
  up: {
    summary: 'a site on this machine: manager, forwarder and endpoint in one command',
    load: () => import('./up.js'),
  },
  manager: {
    summary: 'nsmgr and registry in one process, for a machine without NSM',
    load: () => import('./manager.js'),
  },
  forwarder: {
    summary: 'builds the wires of a machine: interfaces, addresses, routes',
    load: () => import('./forwarder.js'),
  },
  nse: {
    summary: 'an endpoint: provides network services',
    load: () => import('./nse.js'),
  },
  nsc: {
    summary: 'a client: asks for wires and keeps them',
    load: () => import('./nsc.js'),
  },
  'nsc-init': {
    summary: 'a client for an init container: asks for wires and leaves them to nsc',
    load: () => import('./nsc-init.js'),
  },
  webhook: {
    summary: 'in Kubernetes: gives annotated pods their client, and refuses mistakes',
    load: () => import('./webhook.js'),
  },
  'node-agent': {
    summary: 'in Kubernetes: a node’s files from objects, and their status',
    load: () => import('./node-agent.js'),
  },
  status: {
    summary: 'links, strands, wires and rules of a forwarder, also while it does not run',
    load: () => import('./status.js'),
  },
  links: {
    summary: 'WAN links and strands: how good, since when, why, and what they carry',
    load: () => import('./links.js'),
  },
  events: {
    summary: 'what was measured of strands, and decided: down, degraded, back',
    load: () => import('./events.js'),
  },
  replay: {
    summary: 'what another policy would have decided of recorded events',
    load: () => import('./replay.js'),
  },
  sessions: {
    summary: 'which session runs on which strand',
    load: () => import('./sessions.js'),
  },
  pin: {
    summary: 'puts a session on a strand, in mid-flow',
    load: () => import('./pin.js'),
  },
  unpin: {
    summary: 'lets the policy choose again',
    load: async () => ({ command: (await import('./pin.js')).unpinCommand }),
  },
  strand: {
    summary: 'up, down, list: the operator’s hand on a strand',
    load: () => import('./strand.js'),
  },
  policy: {
    summary: 'check, explain, apply: which session goes over which links',
    load: () => import('./policy.js'),
  },
  explain: {
    summary: 'what becomes of a packet and why, and whether the loaded program says the same',
    load: () => import('./explain.js'),
  },
  envoy: {
    summary: 'http rules as an Envoy configuration, and Istio routes as http rules',
    load: () => import('./envoy.js'),
  },
  audit: {
    summary: 'requests per rule and link by an Envoy’s access log, and those on the wrong link',
    load: () => import('./audit.js'),
  },
  trust: {
    summary: 'show, export, import, list, remove: which other sites this one trusts',
    load: () => import('./trust.js'),
  },
  id: {
    summary: 'which SPIFFE ID would I get, and if none, why',
    load: () => import('./id.js'),
  },
  find: {
    summary: 'what is registered: services or endpoints',
    load: () => import('./find.js'),
  },
  monitor: {
    summary: 'the wires of this machine and what happens to them',
    load: () => import('./monitor.js'),
  },
  lab: {
    summary: 'a WAN of network namespaces on this machine, with links to shape and break',
    load: () => import('./lab.js'),
  },
  demo: {
    summary: 'boss and minion on their links, and other stories; leaves nothing',
    load: () => import('./demo.js'),
  },
  doctor: {
    summary: 'what this machine has and lacks',
    load: () => import('./doctor.js'),
  },
};
