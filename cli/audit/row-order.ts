// SPDX-License-Identifier: Apache-2.0
/** The order of the audit's rows: rules as the policy has them, what fits none last, more requests first. */
import type { SteeringPolicy } from '../../api/site/types.js';
import type { AuditRow } from './types.js';

/** Compares two rows. */
export function rowOrder(policy: SteeringPolicy): (a: AuditRow, b: AuditRow) => number {
  const names = [...policy.httpRules, ...policy.rules].map(({ name }) => name);
  const place = ({ rule }: AuditRow): number => {
    if (rule === null) return names.length + 1;
    const at = names.indexOf(rule);
    // Of a policy before this one.
    return at < 0 ? names.length : at;
  };
  return (a, b) => place(a) - place(b) || b.requests - a.requests;
}
