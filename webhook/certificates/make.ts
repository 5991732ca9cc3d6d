// SPDX-License-Identifier: Apache-2.0
/** The material after a step of the plan. */
import type { X509Certificate } from 'node:crypto';
import { makeCertificate, type Signed } from '../../api/identity/certificate.js';
import { endOf, type Material } from './material.js';
import type { Plan, Situation } from './plan.js';

/** Clocks of API servers may be behind ours. */
const skewMs = 3_600_000;

/** What the Secret is to hold after `step`. */
export async function after(
  step: Exclude<Plan['step'], 'nothing'>,
  { material, nowMs, lifetimeMs, hosts }: Situation,
): Promise<Material> {
  const roots = material?.roots.filter((root) => endOf(root) > nowMs) ?? [];
  if (step === 'forget' && material !== undefined) return { ...material, roots };
  if (step === 'switch' && material?.next !== undefined) {
    return { serving: material.next, next: undefined, roots };
  }
  const { root, server } = await made(hosts, nowMs, lifetimeMs);
  const all = [root, ...roots];
  return step === 'prepare' && material !== undefined
    ? { serving: material.serving, next: server, roots: all }
    : { serving: server, next: undefined, roots: all };
}

async function made(
  hosts: readonly string[],
  nowMs: number,
  lifetimeMs: number,
): Promise<{ readonly root: X509Certificate; readonly server: Signed }> {
  const time = { notBeforeMs: nowMs - skewMs, notAfterMs: nowMs + lifetimeMs };
  const root = await makeCertificate({ uris: [], isAuthority: true, ...time });
  const server = await makeCertificate({
    ...{ uris: [], hosts, isAuthority: false, issuer: root },
    ...time,
  });
  return { root: root.certificate, server };
}
