// SPDX-License-Identifier: Apache-2.0
/**
 * The client's half of a KERNEL mechanism: says in which network namespace,
 * under which name, and with which metric the forwarder is to make the interface.
 *
 * When: on the way in; name and metric are those of the Request's preference or, on a
 * refresh, of the mechanism chosen before.
 * Where: in a client chain, before `remote`.
 * Leaves: nothing; the forwarder makes the interface and removes it.
 */
import type { Step } from '../../api/chain/element.js';
import {
  interfaceNameFor,
  kernel as keys,
  kernelMechanism,
} from '../../api/elements/kernel-mechanism.js';

/** The element; `namespaceUrl` is this client's namespace, as `ownNamespaceUrl()` gives it. */
export function kernel(namespaceUrl: string): Step {
  return {
    kind: 'step',
    name: 'kernel',

    request(call, request, next) {
      const { connection, mechanismPreferences } = request;
      const chosen = connection.mechanism;
      const wished = mechanismPreferences.find(({ type }) => type === keys.type);
      const name =
        wished?.parameters[keys.name] ??
        chosen?.parameters[keys.name] ??
        interfaceNameFor(connection.networkService, connection.id);
      const metric = wished?.parameters[keys.metric] ?? chosen?.parameters[keys.metric];
      const parameters = {
        [keys.inodeUrl]: namespaceUrl,
        [keys.name]: name,
        ...(metric === undefined ? {} : { [keys.metric]: metric }),
      };
      const mechanism = chosen && {
        ...chosen,
        parameters: { ...chosen.parameters, ...parameters },
      };
      return next(call, {
        connection: { ...connection, mechanism },
        mechanismPreferences: [kernelMechanism(parameters)],
      });
    },

    close: () => Promise.resolve(),
  };
}
