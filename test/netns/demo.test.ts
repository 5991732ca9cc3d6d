// SPDX-License-Identifier: Apache-2.0
/** The demos of two links and of one machine keep their promises, and leave nothing, however they end. */
import t from 'tap';
import { demo } from '../stage/demo.js';

t.setTimeout(240_000);

t.test('two links', async (t) => {
  const { code, said, errors, leavings } = await demo(t, ['links']);
  t.equal(code, 0, errors);
  const titles = [
    '1  Request',
    '2  Two transfers',
    '3  Swap',
    '4  Cut',
    '5  Mend',
    '6  Brown out',
    '7  What was lost',
  ];
  for (const part of titles) t.match(said, part);
  t.match(said, /packets lost \d+, resets 0/);
  t.match(said, /voice +UDP, DSCP EF +\d+ packets +0 /, 'no datagram of the marked transfer');
  t.match(said, /backup +TCP +[\d.]+ MB +0 bytes/, 'no byte of the other');
  t.match(said, 'All as promised');
  t.notMatch(said, '\u001b', 'no colour where there is no terminal');
  t.same(leavings(), []);
});

t.test('the wire of one machine', async (t) => {
  const { code, said, errors, leavings } = await demo(t, ['local']);
  t.equal(code, 0, errors);
  for (const part of ['1  Request', '2  Ping', '3  Refresh', '4  Kill', '5  Close']) {
    t.match(said, part);
  }
  t.match(said, 'All as promised');
  t.same(leavings(), []);
});

const stops: readonly (readonly [args: readonly string[], act: string])[] = [
  [['links'], '1  Request'],
  [['links'], '4  Cut'],
  [['local'], '2  Ping'],
  [['local'], '4  Kill'],
];
for (const [args, act] of stops) {
  t.test(`${args.join()} stopped at act ${act}`, async (t) => {
    const { code, errors, leavings } = await demo(t, args, (title, pid) => {
      if (title.startsWith(act)) process.kill(pid, 'SIGINT');
    });
    t.equal(code, 130);
    t.match(errors, 'stopped by SIGINT');
    t.same(leavings(), []);
  });
}
