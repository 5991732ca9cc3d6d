// SPDX-License-Identifier: Apache-2.0
/** The payload of a Request and that of its service must agree; either may leave it open. */
import { invalid } from '../errors/wire-error.js';
import type { NetworkService } from '../gen/registry.js';

/** The payload both agree on; INVALID_ARGUMENT where they do not. */
export function agreedPayload(service: NetworkService, asked: string): string {
  const { name, payload } = service;
  if (asked === '' || payload === '' || asked === payload) return payload || asked;
  throw invalid('connection.payload', asked, `${payload}, the payload of network service ${name}`);
}
