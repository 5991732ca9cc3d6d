// SPDX-License-Identifier: Apache-2.0
/**
 * The way from a client on another node: takes its forwarder's links, answers
 * ours, and chooses the wire's number (VNI).
 *
 * When: on the way in, so that a Request that cannot be wired asks no endpoint;
 * the MTU of the context is lowered to what both sides' tunnels can carry.
 * Where: in `mechanisms`, before `connect`.
 * Leaves: nothing; `steer` keeps the number.
 */
import { randomInt } from 'node:crypto';
import { contextOf, withContext } from '../../../api/chain/connection.js';
import type { Step } from '../../../api/chain/element.js';
import { clientSocket } from '../kernel/side.js';
import { hostEnd } from './host-end.js';
import { formatNode, keys, type TunnelNode } from './node.js';
import { mtuIn, parametersOf, peerIn, vniIn } from './parameters.js';
import { selfNow, type TunnelSelf } from './self.js';
import { vxlan } from './tunnel.js';

const field = 'mechanism';
const mostVni = 1 << 24;

/** The element. */
export function vxlanServer(self: TunnelSelf): Step {
  return {
    kind: 'step',
    name: 'vxlanServer',

    async request(call, request, next) {
      const { connection } = request;
      const asked = connection.mechanism ?? { ...vxlan, parameters: {} };
      const peer = peerIn(asked, 'source', field);
      const { node, mtu: own } = selfNow(self);
      const mtu = Math.min(own, mtuIn(asked, field));
      const vni = vniFor(self, connection.id, vniIn(asked, field), peer, node);
      call.state.set(clientSocket, hostEnd(self.home, connection.id, { vni, peer }));
      const parameters = {
        ...asked.parameters,
        ...parametersOf(node, mtu, 'destination', formatNode(node)),
        [keys.vni]: String(vni),
      };
      const MTU = Math.min(contextOf(connection).MTU || mtu, mtu);
      const wanted = { ...connection, mechanism: { ...vxlan, parameters } };
      return next(call, { ...request, connection: withContext(wanted, { MTU }) });
    },

    close: () => Promise.resolve(),
  };
}

/**
 * The wire's number, kept as long as it lives. Even where the client's address
 * is not above ours, else odd, as NSM's own forwarders choose it: two that ask
 * each other at once cannot choose the same.
 */
function vniFor(
  self: TunnelSelf,
  id: string,
  asked: number,
  peer: TunnelNode,
  own: TunnelNode,
): number {
  const { steering } = self;
  const before = steering.get(id);
  if (before?.peer.name === peer.name && !before.leader) return before.vni;
  if (asked > 0 && steering.isFree(asked, peer.name, id)) return asked;
  const parity = lowest(peer) <= lowest(own) ? 0 : 1;
  for (;;) {
    const vni = randomInt(1, mostVni >> 1) * 2 + parity;
    if (vni < mostVni && steering.isFree(vni, peer.name, id)) return vni;
  }
}

function lowest({ links: [link] }: TunnelNode): string {
  return link?.v4 ?? link?.v6 ?? '';
}
