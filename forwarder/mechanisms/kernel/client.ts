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
import { openSync } from 'node:fs';
import type { Call } from '../../../api/chain/call.js';
import type { Step } from '../../../api/chain/element.js';
import { interfaceNameFor, kernel } from '../../../api/elements/kernel-mechanism.js';
import { nextPeer } from '../../../api/elements/next-hop.js';
import { takeFile } from '../../../api/fdpass/take-file.js';
import type { Mechanism } from '../../../api/gen/connection.js';
import type { Namespaces } from '../../namespaces/namespaces.js';
import { lend, named, socketOf } from './server.js';
import { endpointSocket } from './side.js';

/** The element. */
export function kernelClient(namespaces: Namespaces): Step {
  return {
    kind: 'step',
    name: 'kernelClient',

    async request(call, request, next) {
      show(call, namespaces, request.connection.mechanism);
      const answer = await next(call, request);
      if (answer.mechanism?.type !== kernel.type) return answer;
      const spare = interfaceNameFor(answer.networkService, `endpoint:${request.connection.id}`);
      const mechanism = named(answer.mechanism, spare);
      const field = `mechanism of endpoint ${answer.networkServiceEndpointName}`;
      await receive(call, mechanism);
      lend(call, namespaces, mechanism);
      call.state.set(endpointSocket, await socketOf(namespaces, mechanism, field));
      return { ...answer, mechanism };
    },

    close(call, { mechanism }) {
      show(call, namespaces, mechanism);
      return Promise.resolve();
    },
  };
}

/** The endpoint knows its own namespace, but one of others' making waits for what a URL names. */
function show(call: Call, namespaces: Namespaces, mechanism: Mechanism | undefined): void {
  const url = mechanism?.parameters[kernel.inodeUrl];
  if (url === undefined || call.files === undefined || call.files.has(url)) return;
  const path = namespaces.known(url);
  if (path !== undefined) call.files.set(url, openSync(path, 'r'));
}

/** What the endpoint has sent before its answer. */
async function receive(call: Call, { parameters }: Mechanism): Promise<void> {
  const url = parameters[kernel.inodeUrl];
  const peer = call.state.get(nextPeer);
  if (url === undefined || peer === undefined || call.files === undefined) return;
  if (call.files.has(url)) return;
  const fd = await takeFile({ ...call, peer }, url);
  if (fd !== undefined) call.files.set(url, fd);
}
