// SPDX-License-Identifier: Apache-2.0
/** The demos of two links and of one machine keep their promises, and leave nothing. */
import t from 'tap';
import { demo } from '../stage/demo.js';

t.setTimeout(170_000);

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
