// SPDX-License-Identifier: Apache-2.0
/** The demos of two links and of one machine leave nothing, however they end. */
import t from 'tap';
import { demo } from '../stage/demo.js';

t.setTimeout(170_000);

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
