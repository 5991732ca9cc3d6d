// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { status, Metadata } from '@grpc/grpc-js';
import { CloseError } from './close-error.js';
import { KernelError } from './kernel-error.js';
import { NotSupportedError } from './not-supported-error.js';
import { isAbort, isServiceError, toStatus } from './to-status.js';
import { invalid, WireError } from './wire-error.js';

const service = Object.assign(new Error('14 UNAVAILABLE: gone'), {
  code: status.UNAVAILABLE,
  details: 'gone',
  metadata: new Metadata(),
});

t.test('each kind of error has its status', async (t) => {
  const wire = new WireError(status.NOT_FOUND, 'no such service');
  const cases: readonly (readonly [unknown, status, string])[] = [
    [wire, status.NOT_FOUND, 'no such service'],
    [invalid('name', 7, 'a text'), status.INVALID_ARGUMENT, 'name: 7 is not valid: want a text'],
    [
      invalid('name', undefined, 'a text'),
      status.INVALID_ARGUMENT,
      'name: nothing is not valid: want a text',
    ],
    [new KernelError(1, 'add link'), status.PERMISSION_DENIED, 'add link: EPERM'],
    [
      new NotSupportedError('tcx', '6.6'),
      status.FAILED_PRECONDITION,
      'tcx is missing: needs Linux 6.6 or later',
    ],
    [new CloseError('c', [wire]), status.NOT_FOUND, 'close c: no such service'],
    [service, status.UNAVAILABLE, 'gone'],
    [new DOMException('x', 'TimeoutError'), status.DEADLINE_EXCEEDED, 'the deadline passed'],
    [new DOMException('x', 'AbortError'), status.CANCELLED, 'the caller gave up'],
    [new TypeError('secret path'), status.INTERNAL, 'internal error'],
    ['text', status.INTERNAL, 'internal error'],
    [undefined, status.INTERNAL, 'internal error'],
  ];
  for (const [reason, code, details] of cases) {
    t.same(toStatus(reason), { code, details }, String(reason));
  }
});

t.test("when an undo fails too, the peer hears the Request's own error", async (t) => {
  const failing = async (): Promise<void> => {
    await using _undo = {
      [Symbol.asyncDispose]: () => Promise.reject(new TypeError('the undo')),
    };
    throw new WireError(status.RESOURCE_EXHAUSTED, 'full');
  };
  const reason = await failing().catch((reason: unknown) => reason);
  t.match(reason, { name: 'SuppressedError' });
  t.same(toStatus(reason), { code: status.RESOURCE_EXHAUSTED, details: 'full' });
});

t.test('kinds', async (t) => {
  t.equal(isAbort(new Error('x')), false);
  t.equal(isAbort('AbortError'), false);
  t.equal(isServiceError(Object.assign(new Error('x'), { code: 'ENOENT', details: 'x' })), false);
  t.equal(isServiceError(Object.assign(new Error('x'), { code: 1 })), false);
});

t.test(
  'a CloseError has the code of its parts where they agree, and keeps them flat',
  async (t) => {
    const gone = new WireError(status.UNAVAILABLE, 'gone');
    t.equal(new CloseError('c', [gone, gone]).code, status.UNAVAILABLE);
    t.equal(new CloseError('c', [gone, new Error('bug')]).code, status.INTERNAL);
    t.equal(new CloseError('c', []).code, status.INTERNAL);
    t.equal(new CloseError('c', [gone]).cause, gone);
    const nested = await CloseError.gather(() => Promise.reject(new CloseError('c', [gone, gone])));
    t.same(nested, [gone, gone]);
    t.match(
      await CloseError.gather(() => {
        const text: unknown = 'text';
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- libraries do
        return Promise.reject(text);
      }),
      [{ message: 'text' }],
    );
    t.same(await CloseError.gather(() => Promise.resolve()), []);
  },
);
