// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { constants } from 'node:os';
import { KernelError } from '../api/errors/kernel-error.js';
import { Connection } from '../api/gen/connection.js';
import { silentLogger } from '../api/log/log.js';
import type { PingOptions } from '../bpf/ping/ping.js';
import { liveness } from './liveness.js';

const wire = Connection.fromPartial({
  mechanism: { type: 'KERNEL' },
  context: {
    ipContext: {
      srcIpAddrs: ['192.0.2.1/32', '2001:db8::1/128', '192.0.2.3/32'],
      dstIpAddrs: ['192.0.2.0/32', '2001:db8::/128'],
    },
  },
});
const { signal } = new AbortController();
const log = silentLogger();

t.test('each pair of one family is asked, and each must answer', async (t) => {
  const asked: PingOptions[] = [];
  const answered = (silent?: string) =>
    liveness({
      timeoutMs: 1_000,
      log,
      ping: (options) => {
        asked.push(options);
        return Promise.resolve(options.from === silent ? 0 : 1);
      },
    });
  t.equal(await answered()(wire, signal), true);
  t.match(asked, [
    { from: '192.0.2.1', to: '192.0.2.0', count: 4, enough: 1, timeoutMs: 1_000 },
    { from: '2001:db8::1', to: '2001:db8::' },
    { from: '192.0.2.3', to: '192.0.2.0' },
  ]);
  t.equal(await answered('192.0.2.3')(wire, signal), false);
});

t.test('what cannot be asked', async (t) => {
  const never = liveness({ timeoutMs: 1, log, ping: () => Promise.reject(new Error('asked')) });
  t.equal(await never(Connection.fromPartial({ mechanism: { type: 'KERNEL' } }), signal), true);
  t.equal(await never({ ...wire, mechanism: undefined }, signal), true);
  const refusing = (errno: number) =>
    liveness({ timeoutMs: 1, log, ping: () => Promise.reject(new KernelError(errno, 'ping')) });
  t.equal(await refusing(constants.errno.EACCES)(wire, signal), true, 'no right to ping');
  t.equal(await refusing(constants.errno.EADDRNOTAVAIL)(wire, signal), false, 'address gone');
  t.equal(await refusing(constants.errno.ENETUNREACH)(wire, signal), false, 'interface gone');
});

t.test('an aborted check is no verdict', async (t) => {
  const abort = new AbortController();
  abort.abort(new Error('closing'));
  const ping = ({ signal }: PingOptions): Promise<number> => {
    signal?.throwIfAborted();
    return Promise.resolve(0);
  };
  await t.rejects(liveness({ timeoutMs: 1, log, ping })(wire, abort.signal), {
    message: 'closing',
  });
});
