// SPDX-License-Identifier: Apache-2.0
/** The operator of a forwarder without a site: it has wires, and nothing that could be steered. */
import { status } from '@grpc/grpc-js';
import { WireError } from '../../api/errors/wire-error.js';
import type { Operator } from './operator.js';

/** Answers what can be answered, and refuses all else. */
export function withoutSite({
  about,
  wires,
  followChanges,
}: Pick<Operator, 'about' | 'wires' | 'followChanges'>): Operator {
  const text = `forwarder ${about.name} has no site: there are no links here to be steered over`;
  const failure = (): WireError => new WireError(status.FAILED_PRECONDITION, text);
  const refuse = (): never => {
    throw failure();
  };
  const refuseLater = (): Promise<never> => Promise.reject(failure());
  return {
    about,
    wires,
    policies: () => [],
    steered: () => ({ generation: 0, services: [], wires: [] }),
    applyPolicies: refuseLater,
    removePolicy: refuseLater,
    pin: refuseLater,
    unpin: refuseLater,
    unpinAll: refuseLater,
    setStrand: refuseLater,
    followSessions: refuse,
    quality: refuse,
    followLinks: refuse,
    qualityRecords: refuse,
    followChanges,
    moves: refuse,
  };
}
