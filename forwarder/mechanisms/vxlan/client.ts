// SPDX-License-Identifier: Apache-2.0
/**
 * The way to an endpoint on another node: offers VXLAN with our links, and
 * takes from the answer the peer's links and the wire's number.
 *
 * When: on the way in, for a next hop on another node, the offer; on the way
 * back the tunnel, where VXLAN was answered.
 * Where: in the client chain, after `mechanismTranslation` (which remembers the
 * mechanism as this element leaves it), before `filterMechanisms`.
 * Leaves: nothing.
 */
import type { Step } from '../../../api/chain/element.js';
import { nextHop } from '../../../api/elements/next-hop.js';
import { invalid } from '../../../api/errors/wire-error.js';
import { endpointSocket } from '../kernel/side.js';
import { hostEnd } from './host-end.js';
import { formatNode } from './node.js';
import { parametersOf, peerIn, vniIn } from './parameters.js';
import { selfNow, type TunnelSelf } from './self.js';
import { vxlan } from './tunnel.js';

/** The element. */
export function vxlanClient(self: TunnelSelf): Step {
  return {
    kind: 'step',
    name: 'vxlanClient',

    async request(call, request, next) {
      if (/^(unix|inode):/.test(call.state.get(nextHop) ?? '')) return next(call, request);
      const { node, mtu } = selfNow(self);
      const parameters = parametersOf(node, mtu, 'source', formatNode(node));
      const { connection } = request;
      const chosen = connection.mechanism;
      const mechanism =
        chosen?.type === vxlan.type
          ? { ...chosen, parameters: { ...chosen.parameters, ...parameters } }
          : chosen;
      const answer = await next(call, {
        connection: { ...connection, mechanism },
        mechanismPreferences: [...request.mechanismPreferences, { ...vxlan, parameters }],
      });
      if (answer.mechanism?.type !== vxlan.type) return answer;
      const field = `mechanism of endpoint ${answer.networkServiceEndpointName}`;
      const peer = peerIn(answer.mechanism, 'destination', field);
      const vni = vniIn(answer.mechanism, field);
      if (vni === 0) throw invalid(`${field}.parameters.vni`, '', '1 to 16777215');
      call.state.set(endpointSocket, hostEnd(self.home, connection.id, { vni, peer }));
      return answer;
    },

    close: () => Promise.resolve(),
  };
}
