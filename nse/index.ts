// SPDX-License-Identifier: Apache-2.0
/**
 * `wanwire/nse`: write an endpoint of your own. `examples/hello.ts` is one in a page.
 * An endpoint is a chain of elements; yours stand between its life (path, tokens,
 * expiry, monitoring) and the giving of addresses.
 */
export { endpoint, type Endpoint, type EndpointOptions } from './endpoint.js';

// Elements ready to use.
export { pointToPoint, type PointToPointOptions } from '../api/ipam/point-to-point.js';
export { dns } from './elements/dns.js';
export { routes } from './elements/routes.js';

// What an element is made of.
export type { Call } from '../api/chain/call.js';
export type {
  CloseNext,
  Element,
  Guard,
  Request,
  RequestNext,
  Step,
} from '../api/chain/element.js';
export { compose } from '../api/chain/compose.js';
export { contextOf, ipOf, withContext, withIp } from '../api/chain/connection.js';
export { Rollback } from '../api/chain/rollback.js';
export { stateKey, type StateKey } from '../api/chain/state.js';
export { invalid, WireError } from '../api/errors/wire-error.js';
export { processLogger, silentLogger, type Logger } from '../api/log/log.js';

// What flows through it.
export type { Connection, Mechanism } from '../api/gen/connection.js';
export type {
  ConnectionContext,
  DNSConfig,
  IPContext,
  Route,
} from '../api/gen/connectioncontext.js';
