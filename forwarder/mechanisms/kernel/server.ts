// SPDX-License-Identifier: Apache-2.0
/**
 * The client's side of a KERNEL wire: which namespace, which interface name.
 *
 * When: on the way in, so that a Request that cannot be wired asks no endpoint.
 * A missing name gets one here.
 * Where: in `mechanisms`, before `connect`; `wire` uses what it finds out.
 * Leaves: nothing.
 */
import type { Call } from '../../../api/chain/call.js';
import type { Step } from '../../../api/chain/element.js';
import {
  interfaceNameFault,
  interfaceNameFor,
  kernel,
  longestInterfaceName,
} from '../../../api/elements/kernel-mechanism.js';
import { invalid } from '../../../api/errors/wire-error.js';
import type { Mechanism } from '../../../api/gen/connection.js';
import { metricIn } from '../../facets/beside.js';
import type { Namespaces } from '../../namespaces/namespaces.js';
import { clientSocket, type Socket } from './side.js';

/** The element. */
export function kernelServer(namespaces: Namespaces): Step {
  return {
    kind: 'step',
    name: 'kernelServer',

    async request(call, request, next) {
      const { connection } = request;
      const spare = interfaceNameFor(connection.networkService, connection.id);
      const mechanism = named(connection.mechanism, spare);
      metricIn(mechanism, 'mechanism');
      lend(call, namespaces, mechanism);
      call.state.set(clientSocket, await socketOf(namespaces, mechanism, 'mechanism'));
      return next(call, { ...request, connection: { ...connection, mechanism } });
    },

    close(call, { mechanism }) {
      lend(call, namespaces, mechanism);
      return Promise.resolve();
    },
  };
}

/** Where the call has the namespace's descriptor, it is found by that. */
export function lend(
  call: Call,
  namespaces: Namespaces,
  mechanism: Pick<Mechanism, 'parameters'> | undefined,
): void {
  const url = mechanism?.parameters[kernel.inodeUrl];
  const fd = url === undefined ? undefined : call.files?.get(url);
  if (fd !== undefined) namespaces.lend(fd);
}

/** The mechanism with an interface name, `spare` where it came with none. */
export function named(mechanism: Mechanism | undefined, spare: string): Mechanism {
  const { cls = kernel.cls, type = kernel.type, parameters = {} } = mechanism ?? {};
  const name = parameters[kernel.name] === undefined ? { [kernel.name]: spare } : {};
  return { ...mechanism, cls, type, parameters: { ...parameters, ...name } };
}

/** Where the mechanism wants its end of the wire; errors name the parameter under `field`. */
export async function socketOf(
  namespaces: Namespaces,
  { parameters }: Mechanism,
  field: string,
): Promise<Socket> {
  const name = parameters[kernel.name] ?? '';
  const nameField = `${field}.parameters.${kernel.name}`;
  const fault = interfaceNameFault(name);
  if (fault !== undefined) {
    const most = String(longestInterfaceName);
    throw invalid(
      `${nameField} (it ${fault})`,
      name,
      `1 to ${most} letters, digits, '.', '-' or '_'`,
    );
  }
  const url = parameters[kernel.inodeUrl] ?? '';
  const place = await namespaces.find(url, `${field}.parameters.${kernel.inodeUrl}`);
  return { place, name, field: nameField };
}
