// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { compose } from '../../../api/chain/compose.js';
import { nextHop } from '../../../api/elements/next-hop.js';
import { recording, answering, testCall, testRequest } from '../../../test/doubles/elements.js';
import type { Link } from '../../underlay/link.js';
import { clientSocket, endpointSocket } from '../kernel/side.js';
import { vxlanClient, vxlanServer } from './index.js';
import { formatNode, type TunnelNode } from './node.js';
import type { TunnelSelf } from './self.js';

const home = { id: { dev: 4n, ino: 1n }, path: '/proc/1/ns/net' };
const config = { name: 'fibre', network: 'internet', device: 'wan0' } as Link['config'];
const fibre: Link = {
  id: 1,
  config,
  ifindex: 3,
  up: true,
  addresses: { v4: '203.0.113.2' },
  gateways: {},
  mtu: 1500,
};
const taken = new Set<number>();
const self = (links: readonly Link[] = [fibre]): TunnelSelf => ({
  name: 'forwarder@edge',
  site: 'edge',
  port: 4790,
  home,
  links: () => links,
  steering: { isFree: (vni) => !taken.has(vni), get: () => undefined },
});
const cloud: TunnelNode = {
  name: 'forwarder@cloud',
  site: 'cloud',
  port: 4791,
  links: [{ name: 'a', network: 'internet', v4: '203.0.113.10', mtu: 1500 }],
};
const remote = (parameters: Record<string, string>) => ({
  cls: 'REMOTE',
  type: 'VXLAN',
  parameters,
});

function call() {
  const made = testCall();
  made.state.set(nextHop, 'tcp://203.0.113.10:5001');
  return made;
}

t.test('a client offers its links, and takes the tunnel from the answer', async (t) => {
  const seen = recording();
  const answer = { vni: '4242', 'wanwire.dst': formatNode(cloud), dst_ip: '203.0.113.10' };
  const chain = compose(
    vxlanClient(self()),
    seen,
    answering((connection) => ({ ...connection, mechanism: remote(answer) })),
  );
  const made = call();
  await chain.request(made, testRequest({ id: 'c' }));
  t.match(seen.requests[0]?.mechanismPreferences, [
    remote({ src_ip: '203.0.113.2', src_port: '4789', MTU: '1450' }),
  ]);
  t.match(made.state.get(endpointSocket), {
    place: home,
    name: /^ww-[0-9a-f]{11}$/,
    tunnel: { vni: 4242, peer: cloud },
  });
});

t.test('a peer without a list of links is a stock peer', async (t) => {
  const chain = compose(
    vxlanClient(self()),
    answering((connection) => ({
      ...connection,
      mechanism: remote({ vni: '2', dst_ip: '198.51.100.7', MTU: '1400' }),
    })),
  );
  const made = call();
  await chain.request(made, testRequest({ id: 'c' }));
  t.match(made.state.get(endpointSocket)?.tunnel?.peer, {
    stock: true,
    port: 4789,
    links: [{ v4: '198.51.100.7' }],
  });
});

t.test('within the node it stands aside', async (t) => {
  const seen = recording();
  const made = testCall();
  made.state.set(nextHop, 'unix:///x');
  await compose(vxlanClient(self([])), seen).request(made, testRequest({ id: 'c' }));
  t.same(seen.requests[0]?.mechanismPreferences, []);
});

t.test('an answer that cannot be is refused by its field', async (t) => {
  const refused = async (parameters: Record<string, string>, message: RegExp): Promise<void> => {
    const chain = compose(
      vxlanClient(self()),
      answering((connection) => ({ ...connection, mechanism: remote(parameters) })),
    );
    await t.rejects(chain.request(call(), testRequest({ id: 'c' })), { code: 3, message });
  };
  await refused({ vni: '1', dst_ip: 'here' }, /parameters\.dst_ip: "here" is not valid/);
  await refused({ vni: '16777216', dst_ip: '192.0.2.1' }, /parameters\.vni: "16777216"/);
  await refused({ dst_ip: '192.0.2.1' }, /parameters\.vni: ""/);
  await refused({ vni: '1', 'wanwire.dst': '{' }, /parameters\.wanwire\.dst: "\{" .* want JSON/);
  const bad = JSON.stringify({ ...cloud, links: [{ ...cloud.links[0], v4: '2001:db8::1' }] });
  await refused({ vni: '1', 'wanwire.dst': bad }, /wanwire\.dst\.links\.0\.v4/);
});

t.test('without a link that could carry it, it says why', async (t) => {
  const refused = (links: readonly Link[], message: string) =>
    t.rejects(compose(vxlanClient(self(links))).request(call(), testRequest({ id: 'c' })), {
      code: 9,
      message: `no WAN link of site edge can carry a wire: ${message}`,
    });
  await refused([], 'it has none');
  await refused([{ ...fibre, ifindex: 0, addresses: {} }], 'fibre: no device wan0');
  await refused([{ ...fibre, addresses: {} }], 'fibre: device wan0 has no address');
  await refused([{ ...fibre, mtu: 1300 }], 'fibre: MTU 1300 leaves less than 1280');
});

t.test('a server chooses the number and lowers the MTU', async (t) => {
  const seen = recording();
  const chain = compose(vxlanServer(self()), seen);
  const made = call();
  const source = { ...cloud, links: [{ ...cloud.links[0], v4: '203.0.113.1' }] } as TunnelNode;
  const asked = remote({ src_ip: '203.0.113.1', MTU: '1400', 'wanwire.src': formatNode(source) });
  const answer = await chain.request(
    made,
    testRequest({ id: 'c', mechanism: asked, context: { MTU: 9000 } }),
  );
  const { vni, dst_ip, MTU } = answer.mechanism?.parameters ?? {};
  t.same([dst_ip, MTU], ['203.0.113.2', '1400']);
  t.equal(Number(vni) % 2, 0, 'their address is below ours');
  t.equal(seen.requests[0]?.connection.context?.MTU, 1400);
  t.match(made.state.get(clientSocket)?.tunnel, { vni: Number(vni), peer: { name: cloud.name } });
  const again = await chain.request(call(), testRequest({ ...answer, id: 'c' }));
  t.equal(again.mechanism?.parameters['vni'], vni, 'a refresh keeps it');
  taken.add(Number(vni));
  const other = await chain.request(call(), testRequest({ ...answer, id: 'd' }));
  t.not(other.mechanism?.parameters['vni'], vni, 'unless another wire of that peer has it');
});
