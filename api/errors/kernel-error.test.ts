// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { status } from '@grpc/grpc-js';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { KernelError } from './kernel-error.js';
import { WireError } from './wire-error.js';

const table: Readonly<Record<string, readonly string[]>> = {
  NOT_FOUND: ['ENOENT', 'ENODEV', 'ESRCH', 'ENXIO'],
  ALREADY_EXISTS: ['EEXIST'],
  RESOURCE_EXHAUSTED: ['ENOMEM', 'ENOSPC', 'ENOBUFS', 'EMFILE', 'ENFILE', 'E2BIG'],
  DEADLINE_EXCEEDED: ['ETIMEDOUT'],
  PERMISSION_DENIED: ['EPERM', 'EACCES'],
  FAILED_PRECONDITION: ['EBUSY', 'ENOTEMPTY'],
  UNIMPLEMENTED: ['EOPNOTSUPP', 'EAFNOSUPPORT', 'ENOSYS'],
  UNAVAILABLE: ['ECONNREFUSED', 'ENETDOWN', 'ENETUNREACH', 'EINTR', 'EAGAIN'],
  INTERNAL: ['EINVAL', 'EIO', 'EPIPE'],
};
const numbers = new Map<string, number>(Object.entries(constants.errno));

t.test('every errno has its status and its name', async (t) => {
  for (const [code, errnos] of Object.entries(table)) {
    for (const name of errnos) {
      const error = new KernelError(numbers.get(name) ?? 0, 'add link');
      t.equal(status[error.code], code, name);
      t.equal(error.message, `add link: ${name}`);
      t.equal(error.errnoName, name);
    }
  }
});

t.test('what is attempted and a detail are told; an unknown number too', async (t) => {
  const taken = new KernelError(17, 'add link nsm-1', 'File exists');
  t.match(taken, {
    errno: 17,
    op: 'add link nsm-1',
    message: 'add link nsm-1: EEXIST (File exists)',
  });
  const odd = new KernelError(4_000, 'add link');
  t.match(odd, { code: status.INTERNAL, message: 'add link: errno 4000', errnoName: '4000' });
});

t.test('errors of Node and of addons are translated, others passed on', async (t) => {
  const missing = await new Promise<unknown>((resolve) => {
    try {
      readFileSync('/nonexistent');
    } catch (reason) {
      resolve(reason);
    }
  });
  t.match(KernelError.from('open netns', missing), {
    name: 'KernelError',
    code: status.NOT_FOUND,
    errno: 2,
    message: 'open netns: ENOENT',
  });
  const wire = new WireError(status.ABORTED, 'x');
  t.equal(KernelError.from('x', wire), wire);
  t.equal(KernelError.from('x', 'text'), 'text');
  const plain = Object.assign(new Error('x'), { errno: 'ENOENT' });
  t.equal(KernelError.from('x', plain), plain);
});
