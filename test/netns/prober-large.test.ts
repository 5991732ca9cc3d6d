// SPDX-License-Identifier: Apache-2.0
/** Large probes: sent once for each wish, never in parts, answered whole; and no figure of the strand knows. */
import { setTimeout as sleep } from 'node:timers/promises';
import { constants } from 'node:os';
import t from 'tap';
import { sentStates } from '../../bpf/loader/layout.js';
import { eventually, ProberStage } from './prober-stage.js';

for (const family of [4, 6] as const) {
  t.test(`IPv${String(family)}`, async (t) => {
    const headers = family === 4 ? 28 : 48;
    const stage = await ProberStage.open(t);
    let number = 0;
    const ask = (bytes: number): void => {
      number += 1;
      stage.ask(1, { large: bytes * 2 ** 16 + number });
    };
    const become = (state: keyof typeof sentStates) =>
      eventually(`large probe ${String(number)}: ${state}`, () => {
        const { seq, state: now } = stage.large(1);
        return seq === number && now === sentStates[state];
      });
    stage.strand(1, family);
    ask(1_000);
    await stage.start(t);
    await eventually('answers', () => stage.quality(1).received > 10n);
    t.equal(stage.large(1).state, sentStates.empty, 'an old wish is not obeyed');
    let bytes = 0n;
    for (const size of [44, 1_200, 1_500 - headers]) {
      ask(size);
      await become('answered');
      bytes += BigInt(size + headers);
      t.match(stage.large(1), { tx_bytes: bytes, rx_bytes: bytes, error: 0 });
    }
    ask(1_501 - headers);
    await become('lost');
    t.match(stage.large(1), { error: constants.errno.EMSGSIZE, tx_bytes: bytes }, 'too big here');
    await stage.far.sh('tc filter del dev wan ingress');
    await sleep(50);
    ask(1_200);
    await become('underWay');
    await sleep(300);
    const { failed, forged, sent, judged } = stage.quality(1);
    t.same([failed, forged], [0n, 0n]);
    t.ok(sent > 10n && judged > 5n, 'usual ones go on');
    t.equal(stage.large(1).state, sentStates.underWay, 'nobody judges it');
  });
}
