// SPDX-License-Identifier: Apache-2.0
/** Errors as the operator's socket tells them. */
import { status } from '@grpc/grpc-js';
import { z } from 'zod';
import { invalid, WireError } from '../../api/errors/wire-error.js';

/** The body of every answer that is none. */
export interface ErrorBody {
  readonly error: {
    readonly message: string;
    /** What of the request is wrong, where it is one thing. */
    readonly field?: string;
  };
}

/** An answer's code and body. */
export interface Refusal {
  readonly code: number;
  readonly body: ErrorBody;
}

const codes: Readonly<Partial<Record<status, number>>> = {
  [status.INVALID_ARGUMENT]: 400,
  [status.NOT_FOUND]: 404,
  [status.ALREADY_EXISTS]: 409,
  [status.FAILED_PRECONDITION]: 409,
  [status.RESOURCE_EXHAUSTED]: 409,
};

/** A mistake in one field of a request. */
export class FieldError extends WireError {
  override readonly name = 'FieldError';
  readonly field: string;

  constructor(field: string, value: unknown, want: string) {
    const { code, message } = invalid(field, value, want);
    super(code, message);
    this.field = field;
  }
}

/** What to answer for an error; 500 for a bug, whose text stays in the log. */
export function refusalOf(reason: unknown): Refusal {
  if (reason instanceof FieldError) return refusal(400, reason.message, reason.field);
  if (reason instanceof WireError) {
    const field = reason.code === status.INVALID_ARGUMENT ? fieldOf(reason.message) : undefined;
    return refusal(codes[reason.code] ?? 500, reason.message, field);
  }
  // What the HTTP server itself refuses: too long, of another type, no JSON.
  const { statusCode, message } = httpError.safeParse(reason).data ?? {};
  if (statusCode !== undefined && statusCode < 500) return refusal(statusCode, message ?? '');
  return refusal(500, "internal error: the forwarder's log has it");
}

const httpError = z.object({ statusCode: z.int(), message: z.string() });

/** The body as `schema` has it; the first mistake as a {@link FieldError}. */
export function parsed<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue?.path ?? [];
  const keys = issue?.code === 'unrecognized_keys' ? issue.keys : [];
  const where = [...path, ...keys.slice(0, 1)].map(String).join('.');
  throw new FieldError(where || 'body', valueAt(body, [...path, ...keys]), issue?.message ?? '');
}

function refusal(code: number, message: string, field?: string): Refusal {
  return { code, body: { error: { message, ...(field === undefined ? {} : { field }) } } };
}

/** `invalid` begins its text with the field. */
function fieldOf(message: string): string | undefined {
  return /^([a-zA-Z][\w.[\]]*): .* is not valid: /s.exec(message)?.[1];
}

function valueAt(body: unknown, path: readonly PropertyKey[]): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return body;
  if (typeof body !== 'object' || body === null) return undefined;
  return valueAt((body as Readonly<Record<PropertyKey, unknown>>)[key], rest);
}
