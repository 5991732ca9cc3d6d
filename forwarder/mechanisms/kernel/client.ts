// SPDX-License-Identifier: Apache-2.0
/**
 * The endpoint's side of a KERNEL wire: which namespace, which interface name.
 *
 * When: on the way back, from the mechanism that the endpoint answered, where
 * that is KERNEL; a missing name gets one here.
 * Where: in the client chain, after `mechanismTranslation` (which remembers the
 * mechanism as this element leaves it), before `remote`.
 * Leaves: nothing.
 */
import type { Step } from '../../../api/chain/element.js';
import { interfaceNameFor, kernel } from '../../../api/elements/kernel-mechanism.js';
import type { Namespaces } from '../../namespaces/namespaces.js';
import { named, socketOf } from './server.js';
import { endpointSocket } from './side.js';

/** The element. */
export function kernelClient(namespaces: Namespaces): Step {
  return {
    kind: 'step',
    name: 'kernelClient',

    async request(call, request, next) {
      const answer = await next(call, request);
      if (answer.mechanism?.type !== kernel.type) return answer;
      const spare = interfaceNameFor(answer.networkService, `endpoint:${request.connection.id}`);
      const mechanism = named(answer.mechanism, spare);
      const field = `mechanism of endpoint ${answer.networkServiceEndpointName}`;
      call.state.set(endpointSocket, await socketOf(namespaces, mechanism, field));
      return { ...answer, mechanism };
    },

    close: () => Promise.resolve(),
  };
}
