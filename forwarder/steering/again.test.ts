// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import type { Again } from '../../api/chain/call.js';
import { silentLogger } from '../../api/log/log.js';
import { AskAgain } from './again.js';

const settle = () => new Promise((resolve) => setTimeout(resolve, 5));

t.test(
  'every wire is asked for again, a few at a time, and once more where that was wanted',
  async (t) => {
    const again = new AskAgain(silentLogger());
    const asked: string[] = [];
    const finish: (() => void)[] = [];
    const wire = (id: string): Again => ({
      request: () => {
        asked.push(id);
        if (id === 'bad') return Promise.reject(new Error('away'));
        return new Promise((resolve) => finish.push(resolve));
      },
      close: () => Promise.resolve(),
    });
    for (const id of ['a', 'b', 'bad', 'c', 'd', 'e', 'gone']) again.keep(id, wire(id));
    again.forget('gone');
    again.all();
    await settle();
    t.same(asked, ['a', 'b', 'bad', 'c', 'd'], 'one failed, four are under way');
    again.all();
    again.all();
    while (finish.length > 0) {
      finish.shift()?.();
      await settle();
    }
    t.equal(asked.length, 12, 'all of them twice, not three times');
    t.same(asked.slice(6).sort(), ['a', 'b', 'bad', 'c', 'd', 'e']);
  },
);
