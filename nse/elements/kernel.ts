// SPDX-License-Identifier: Apache-2.0
/**
 * The endpoint's half of a KERNEL mechanism: says in which network namespace,
 * and under which name, the forwarder is to make the interface.
 *
 * When: on the way in.
 * Where: inside `mechanisms`, which has chosen KERNEL before.
 * Leaves: nothing; the forwarder makes the interface and removes it.
 */
import type { Call } from '../../api/chain/call.js';
import type { Step } from '../../api/chain/element.js';
import { invalid } from '../../api/errors/wire-error.js';
import {
  interfaceNameFault,
  interfaceNameFor,
  kernel as keys,
  kernelMechanism,
} from '../../api/elements/kernel-mechanism.js';

/** What else the endpoint tells its forwarder, in parameters of the mechanism. */
export type Parameters = (call: Call) => Readonly<Record<string, string>>;

/** The element; `namespaceUrl` is where clients' interfaces go, as `ownNamespaceUrl()` gives it. */
export function kernel(namespaceUrl: string, more: Parameters = () => ({})): Step {
  return {
    kind: 'step',
    name: 'kernel',

    request(call, request, next) {
      const { connection } = request;
      const asked = connection.mechanism?.parameters ?? {};
      const name = asked[keys.name] ?? interfaceNameFor(connection.networkService, connection.id);
      const fault = interfaceNameFault(name);
      if (fault !== undefined) {
        const wanted = `an interface name (this one ${fault})`;
        throw invalid('mechanism.parameters.name', name, wanted);
      }
      const parameters = {
        ...asked,
        ...more(call),
        [keys.inodeUrl]: namespaceUrl,
        [keys.name]: name,
      };
      const mechanism = kernelMechanism(parameters);
      return next(call, { ...request, connection: { ...connection, mechanism } });
    },

    close: () => Promise.resolve(),
  };
}
