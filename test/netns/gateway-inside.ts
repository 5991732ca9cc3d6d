// SPDX-License-Identifier: Apache-2.0
/** A `Gateway` that a test moves by messages. */
import { silentLogger } from '../../api/log/log.js';
import { Gateway } from '../../forwarder/gateway/gateway.js';
import { parseGatewayWish } from '../../forwarder/gateway/wish.js';
import { answering } from './inside.js';

const gateway = new Gateway({ log: silentLogger(), forwarder: 'test-1' });

answering({
  hold: (id: string, wish: string) => gateway.hold(id, parseGatewayWish(wish)),
  release: (id: string) => gateway.release(id),
  settle: () => gateway.settle(),
});
