// SPDX-License-Identifier: Apache-2.0
/** `AdmissionReview` of admission.k8s.io/v1: what the API server asks, and what it is answered. */
import { z } from 'zod';

const version = 'admission.k8s.io/v1';

const request = z.looseObject({
  uid: z.string().min(1),
  kind: z.looseObject({ group: z.string().default(''), kind: z.string() }),
  operation: z.enum(['CREATE', 'UPDATE', 'DELETE', 'CONNECT']),
  namespace: z.string().default(''),
  name: z.string().default(''),
  object: z.unknown().optional(),
  oldObject: z.unknown().optional(),
});

const review = z.object({
  apiVersion: z.literal(version, { error: `want apiVersion ${version}` }),
  kind: z.literal('AdmissionReview', { error: 'want kind AdmissionReview' }),
  request,
});

/** What is to be judged. Nothing of it changes anything outside, so `dryRun` is like any other. */
export type Request = z.output<typeof request>;

/** One operation of a JSON patch (RFC 6902). */
export interface Operation {
  readonly op: 'add' | 'replace' | 'remove';
  readonly path: string;
  readonly value?: unknown;
}

/** What becomes of it. */
export interface Verdict {
  /** Why it is refused; it is allowed where there is none. */
  readonly refusal?: string;
  readonly patch?: readonly Operation[];
  /** Told to whoever asked; kubectl shows them. */
  readonly warnings?: readonly string[];
}

/** The request in a body; throws an Error where it is no review. */
export function requestIn(body: unknown): Request {
  const read = review.safeParse(body);
  if (read.success) return read.data.request;
  const [issue] = read.error.issues;
  const place = issue?.path.join('.') ?? '';
  throw new Error(
    `the body is no AdmissionReview: ${place === '' ? '' : `${place}: `}${issue?.message ?? ''}`,
  );
}

/** kubectl shows a warning up to here, and the API server cuts them. */
const longestWarning = 256;

/** The review that answers `uid`. */
export function answer(uid: string, { refusal, patch = [], warnings = [] }: Verdict): object {
  const response = {
    uid,
    allowed: refusal === undefined,
    ...(refusal === undefined
      ? {}
      : { status: { code: 422, reason: 'Invalid', message: refusal } }),
    ...(refusal !== undefined || patch.length === 0
      ? {}
      : {
          patchType: 'JSONPatch',
          patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
        }),
    ...(warnings.length === 0
      ? {}
      : { warnings: warnings.map((text) => text.slice(0, longestWarning)) }),
  };
  return { apiVersion: version, kind: 'AdmissionReview', response };
}
