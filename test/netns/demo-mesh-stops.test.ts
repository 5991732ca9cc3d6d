// SPDX-License-Identifier: Apache-2.0
/** The demo of boss and minion leaves nothing, however it ends. */
import t from 'tap';
import { demo } from '../stage/demo.js';
import { until } from '../stage/up.js';

t.setTimeout(170_000);

t.test('without Envoy', async (t) => {
  const { code, errors, leavings } = await demo(t, [], undefined, { WANWIRE_ENVOY: '/nowhere' });
  t.equal(code, 1);
  t.match(errors, 'npm run setup');
  t.same(leavings(), []);
});

for (const act of ['wanwire: boss', '4  Swap']) {
  t.test(`stopped at ${act}`, async (t) => {
    const { code, errors, leavings } = await demo(t, ['--seconds=1'], (title, pid) => {
      if (title.startsWith(act)) process.kill(pid, 'SIGINT');
    });
    t.equal(code, 130);
    t.match(errors, 'stopped by SIGINT');
    t.same(leavings(), []);
  });
}

t.test('killed, it leaves no process, and the next one takes the lab away', async (t) => {
  const { code, errors, leavings } = await demo(t, ['--seconds=1'], (title, pid) => {
    if (title.startsWith('2  Cut')) process.kill(pid, 'SIGKILL');
  });
  t.equal(code, null, errors);
  // What makes the links slow belongs to the lab, which the next demo takes away.
  const others = (): readonly string[] =>
    leavings().filter((one) => one.startsWith('process') && one !== 'process relay');
  await until('the end of all other processes', () => others().length === 0);
  const next = await demo(t, ['links'], (_title, pid) => {
    process.kill(pid, 'SIGINT');
  });
  t.equal(next.code, 130);
  t.same(next.leavings(), []);
  // Its folder of sockets nobody can know.
  t.same(
    leavings().filter((one) => !one.startsWith('wanwire-')),
    [],
  );
});
