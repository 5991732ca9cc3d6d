// SPDX-License-Identifier: Apache-2.0
/** Every kind of mistake in a Site. */
import t from 'tap';
import { checkMistakes, type MistakeTable } from '../../test/doubles/site-text.js';

const table: MistakeTable = [
  [
    { 1: 'apiVersion: v1' },
    '1 apiVersion: "v1" is not valid: want wanwire.io/v1alpha1 for kind Site',
  ],
  [{ 3: 'metadata: {name: Edge}' }, '3 metadata.name: "Edge" is not valid: want a name of'],
  [
    { 3: 'metadata: {nam: x, name: edge}' },
    '3 metadata.nam: is not known: did you mean name? (there are name, ',
  ],
  [{ 3: '#' }, '1 metadata: nothing is not valid: want a mapping such as {name: edge-1}'],
  [{ 8: '  peer: []' }, '8 spec.peer: is not known: did you mean peers?'],
  [{ 8: '  zz: []' }, '8 spec.zz: is not known (there are links, peers,'],
  [
    { 8: '  identities: [{id: phone, uid: 1}]' },
    '8 spec.identities[0].id: "phone" is not valid: want the path of a SPIFFE ID, such as /phone',
  ],
  [
    { 8: '  identities: [{id: /phone}]' },
    '8 spec.identities[0]: {"id":"/phone"} is not valid: want at least one of uid, gid, executable',
  ],
  [
    { 8: '  identities: [{id: /a/../b, uid: 1}]' },
    '8 spec.identities[0].id: "/a/../b" is not valid: want the path',
  ],
  [
    { 8: '  identities: [{id: /a, uid: -1}]' },
    '8 spec.identities[0].uid: -1 is not valid: want a user: a whole number from 0 to 4294967294',
  ],
  [
    { 8: '  identities: [{id: /a, executable: node}]' },
    '8 spec.identities[0].executable: "node" is not valid: want the absolute path of a program',
  ],
  [{ 8: '  identities: [{id: /a, user: 1}]' }, '8 spec.identities[0].user: is not known'],
  [{ 8: '  trustDomain: a b' }, '8 spec.trustDomain: "a b" is not valid: want a trust domain'],
  [
    { 8: '  control: [localhost:5001]' },
    '8 spec.control[0]: "localhost:5001" is not valid: want address:port of this node',
  ],
  [
    { 8: '  control: ["[::1]:1", "[::01]:1"]' },
    '8 spec.control[1]: "[::01]:1" is not valid: want each address once',
  ],
  [{ 8: '  vxlanPort: 0' }, '8 spec.vxlanPort: 0 is not valid: want a UDP port'],
  [{ 8: '  vxlanPort: 47.9' }, '8 spec.vxlanPort: 47.9 is not valid: want a UDP port'],
  [{ 8: '  vxlanPort: "4790"' }, '8 spec.vxlanPort: "4790" is not valid: want a UDP port'],
  [{ 8: '  vxlanPort:' }, '8 spec.vxlanPort: null is not valid: want a UDP port'],
  [
    { 8: '  gateway: {}' },
    '8 spec.gateway.prefixes: nothing is not valid: want groups of prefixes',
  ],
  [
    { 8: '  gateway: {prefixes: [[]]}' },
    '8 spec.gateway.prefixes[0]: [] is not valid: want a list of prefixes',
  ],
  [
    { 8: '  gateway: {prefixes: [x]}' },
    '8 spec.gateway.prefixes[0]: "x" is not valid: want a prefix such as',
  ],
  [
    { 8: '  gateway: {prefixes: [[10.0.0.0/8, 10.1.0.0/16]]}' },
    '8 spec.gateway.prefixes[0][1]: "10.1.0.0/16" is not valid: want addresses that are not in 10.0.0.0/8',
  ],
  [
    { 8: '  gateway: {prefixes: [10.0.0.1]}' },
    '8 spec.gateway.prefixes[0]: "10.0.0.1" is not valid: want a prefix of more than one address',
  ],
  [
    { 8: '  gateway: {prefixes: [10.0.0.0/8], routes: [10.1.0.0/16]}' },
    '8 spec.gateway.routes[0]: "10.1.0.0/16" is not valid: want no addresses of wires (10.0.0.0/8)',
  ],
  [
    { 8: '  gateway: {prefixes: [10.0.0.0/8], nat: yes}' },
    '8 spec.gateway.nat: "yes" is not valid: want true or false',
  ],
  [
    { 8: '  peers: [{site: cloud, control: []}]' },
    '8 spec.peers[0].control: [] is not valid: want a list such as',
  ],
  [
    { 8: '  peers: [{site: edge, control: ["a.example:1"]}]' },
    '8 spec.peers[0].site: "edge" is not valid: want the name of another site',
  ],
  [
    { 8: '  peers: [{site: a, control: ["b.c:1"]}, {site: a, control: ["b.d:1"]}]' },
    '8 spec.peers[1].site: "a" is not valid: want a site that peers[0] does not name',
  ],
  [
    { 8: '  peers: [{site: a, control: ["b.c:1"]}, {site: b, control: ["b.c:1"]}]' },
    '8 spec.peers[1].control[0]: "b.c:1" is not valid: want each address once',
  ],
  [
    { 8: '  peers: [{site: a, control: ["10.0.0.256:1"]}]' },
    '8 spec.peers[0].control[0]: "10.0.0.256:1" is not valid: want host:port',
  ],
  [
    { 8: '  peers: [{site: a, control: ["10.0.0.1:65536"]}]' },
    '8 spec.peers[0].control[0]: "10.0.0.1:65536" is not valid: want host:port',
  ],
  [
    { 8: '  peers: [{site: a, control: ["fd00::1:5001"]}]' },
    '8 spec.peers[0].control[0]: "fd00::1:5001" is not valid: want host:port',
  ],
  [
    { 8: '  peers: [{site: a, control: ["10.0.0.1"]}]' },
    '8 spec.peers[0].control[0]: "10.0.0.1" is not valid: want host:port',
  ],
  [
    { 8: '  peers: [{site: a, control: ["b.c:1"], trustBundle: a.pem}]' },
    '8 spec.peers[0].trustBundle: "a.pem" is not valid: want a file that is there (a.pem is not)',
  ],
  [{ 8: '  peers: {site: a}' }, '8 spec.peers: {"site":"a"} is not valid: want a list of peers'],
  [
    { 7: '    - {name: lte, device: wan1}' },
    '7 spec.links[1].trusted: nothing is not valid: want true: encryption of links comes in a later version',
  ],
  [
    { 7: '    - {name: lte, device: wan1, trusted: false}' },
    '7 spec.links[1].trusted: false is not valid: want true: encryption of links comes',
  ],
  [
    { 7: '    - {name: lte, device: wan1, trusted: true, mtu: 1279}' },
    '7 spec.links[1].mtu: 1279 is not valid: want an MTU',
  ],
  [
    { 7: '    - {name: lte, device: wan1, trusted: true, rateMbps: -1}' },
    '7 spec.links[1].rateMbps: -1 is not valid: want a number of Mbit/s',
  ],
  [
    { 7: '    - {name: lte, device: wan1, trusted: true, rateMbps: .nan}' },
    '7 spec.links[1].rateMbps: NaN is not valid: want a number of Mbit/s',
  ],
  [
    { 7: '    - {name: lte, device: wan1, trusted: true, billing: free}' },
    '7 spec.links[1].billing: "free" is not valid: want flat or metered',
  ],
  [
    { 7: '    - {name: lte, device: wan1, trusted: true, profile: dsl}' },
    '7 spec.links[1].profile: "dsl" is not valid: want fixed, lte or satellite',
  ],
  [
    { 7: '    - {name: lte, device: wan1, trusted: true, billing: metered, capGB: 0}' },
    '7 spec.links[1].capGB: 0 is not valid: want a number of GB (10^9 bytes) a month, more than 0',
  ],
  [
    { 7: '    - {name: lte, device: wan1, trusted: true, capGB: 5}' },
    '7 spec.links[1].capGB: 5 is not valid: want none for a flat link: `billing: metered` beside it',
  ],
  [
    { 7: '    - {name: lte, device: wan1, trusted: true, quality: 20}' },
    '7 spec.links[1].quality: 20 is not valid: want a mapping such as {intervalMs: 50',
  ],
  [
    { 7: '    - {name: lte, device: wan1, trusted: true, quality: {interval: 20}}' },
    '7 spec.links[1].quality.interval: is not known: did you mean intervalMs?',
  ],
  [
    { 7: '    - {name: lte, device: wan1, trusted: true, quality: {intervalMs: 9}}' },
    '7 spec.links[1].quality.intervalMs: 9 is not valid: want a whole number of milliseconds from 10 to 60000',
  ],
  [
    { 7: '    - {name: lte, device: wan1, trusted: true, quality: {intervalMs: "20ms"}}' },
    '7 spec.links[1].quality.intervalMs: "20ms" is not valid: want a whole number of milliseconds',
  ],
  [
    { 7: '    - {name: lte, device: wan1, trusted: true, quality: {detectionMs: 5}}' },
    '7 spec.links[1].quality.detectionMs: 5 is not valid: want a whole number of milliseconds from 20',
  ],
  [
    {
      7: '    - {name: lte, device: wan1, trusted: true, quality: {intervalMs: 50, detectionMs: 99}}',
    },
    '7 spec.links[1].quality.detectionMs: 99 is not valid: want at least twice intervalMs (100): one lost probe is no outage',
  ],
  [
    { 7: '    - {name: lte, device: wan1, trusted: true, quality: {holdDownMs: -1}}' },
    '7 spec.links[1].quality.holdDownMs: -1 is not valid: want a whole number of milliseconds from 0',
  ],
  [
    { 7: '    - {name: lte, device: wan1, trusted: true, quality: {returnPerSecond: 0.5}}' },
    '7 spec.links[1].quality.returnPerSecond: 0.5 is not valid: want a whole number of sessions a second',
  ],
  [
    { 7: '    - {name: lte, device: wan1, trusted: true, network: Fast}' },
    '7 spec.links[1].network: "Fast" is not valid: want a word of',
  ],
  [
    { 7: '    - {name: lte, device: interface-too-long, trusted: true}' },
    '7 spec.links[1].device: "interface-too-long" is not valid: want the name of a network device',
  ],
  [
    { 7: '    - {name: lte, device: wan0, trusted: true}' },
    '7 spec.links[1].device: "wan0" is not valid: want one that links[0] does not have',
  ],
  [
    { 7: '    - {name: lte, device: wan1, trusted: true, addresses: [10.0.0.1/24]}' },
    '7 spec.links[1].addresses[0]: "10.0.0.1/24" is not valid: want an address of this node without a length',
  ],
  [
    { 7: '    - {name: lte, device: wan1, trusted: true, addresses: [224.0.0.1]}' },
    '7 spec.links[1].addresses[0]: "224.0.0.1" is not valid: want an address',
  ],
  [
    { 7: '    - {name: lte, device: wan1, trusted: true, addresses: ["fe80::1"]}' },
    '7 spec.links[1].addresses[0]: "fe80::1" is not valid: want an address',
  ],
  [
    { 7: '    - {name: lte, device: wan1, trusted: true, addresses: ["::ffff:10.0.0.1"]}' },
    '7 spec.links[1].addresses[0]: "::ffff:10.0.0.1" is not valid: want an address',
  ],
  [
    { 7: '    - {name: lte, device: wan1, trusted: true, addresses: [10.0.0.1, 10.0.0.2]}' },
    '7 spec.links[1].addresses[1]: "10.0.0.2" is not valid: want at most one of IPv4 for each link',
  ],
  [
    { 7: '    - {name: lte, device: wan1, trusted: true, gateways: ["fd00::1", "fe80::1"]}' },
    '7 spec.links[1].gateways[1]: "fe80::1" is not valid: want at most one of IPv6 for each link',
  ],
  [
    {
      7: '    - {name: lte, device: wan1, trusted: true, addresses: [10.0.0.1], gateways: ["fe80::1"]}',
    },
    '7 spec.links[1].gateways[0]: "fe80::1" is not valid: want a next hop for 10.0.0.1',
  ],
  [
    {
      7: '    - {name: lte, device: wan1, trusted: true, addresses: [10.0.0.1], gateways: [10.0.0.1]}',
    },
    '7 spec.links[1].gateways[0]: "10.0.0.1" is not valid: want the address of another machine',
  ],
  [
    {
      7: '    - {name: fibre, device: wan1, trusted: true}',
      16: '    bulk: {}',
      18: '    - {name: a, match: {dscp: [ef]}, class: best-effort}',
    },
    '7 spec.links[1].name: "fibre" is not valid: want one that links[0] does not have',
  ],
  [
    { 7: '    - lte', 16: '    bulk: {}', 20: '  default: bulk' },
    '7 spec.links[1]: "lte" is not valid: want a link such as',
  ],
];

checkMistakes(t, table);
