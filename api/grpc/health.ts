// SPDX-License-Identifier: Apache-2.0
/**
 * gRPC's health service: everything a server has is serving for as long as it listens.
 *
 * Our own few lines: the package for it costs every process 6 MiB and 0.1 s,
 * because it reads its .proto at start.
 */
import { once } from 'node:events';
import { status, type Server } from '@grpc/grpc-js';
import { WireError } from '../errors/wire-error.js';
import {
  HealthCheckResponse_ServingStatus as Status,
  HealthService,
  type HealthCheckRequest,
  type HealthCheckResponse,
} from '../gen/health.js';
import { serverStream, unary, type Door } from './handlers.js';

/** Serve health for the services of these names, and for `''`, the server. */
export function serveHealth(server: Server, door: Door, names: readonly string[]): void {
  const known = new Set(['', ...names]);
  server.addService(HealthService, {
    check: unary<HealthCheckRequest, HealthCheckResponse>(
      door,
      'Check',
      (_incoming, { service }) => {
        if (known.has(service)) return Promise.resolve({ status: Status.SERVING });
        const text = `service: ${JSON.stringify(service.slice(0, 64))} is not served here`;
        return Promise.reject(new WireError(status.NOT_FOUND, text));
      },
    ),
    watch: serverStream<HealthCheckRequest, HealthCheckResponse>(
      door,
      'Watch',
      async function* ({ signal }, { service }) {
        yield { status: known.has(service) ? Status.SERVING : Status.SERVICE_UNKNOWN };
        if (!signal.aborted) await once(signal, 'abort');
      },
    ),
  });
}
