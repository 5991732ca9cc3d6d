// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { VerifierError } from './verifier-error.js';

const logs: readonly (readonly [what: string, lines: readonly string[], reason: string])[] = [
  [
    'the sentences before the statistics',
    [
      '0: R1=ctx() R10=fp0',
      '; __u8 *packet = (__u8 *)(long)skb->data;',
      '0: (61) r1 = *(u32 *)(r1 +76)         ; R1_w=pkt(r=0)',
      '1: (71) r0 = *(u8 *)(r1 +100)',
      'invalid access to packet, off=100 size=1, R1(id=0,off=100,r=0)',
      'R1 offset is outside of the packet',
      'processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0',
      '',
    ],
    'invalid access to packet, off=100 size=1, R1(id=0,off=100,r=0); R1 offset is outside of the packet',
  ],
  [
    'a program that is too long to follow',
    [
      'from 20 to 21: R0=0 R10=fp0',
      'BPF program is too large. Processed 1000001 insn',
      'processed 1000001 insns (limit 1000000)',
    ],
    'BPF program is too large. Processed 1000001 insn',
  ],
  [
    'no more than three of many',
    ['1: (95) exit', 'a', 'b', 'c', 'd', 'processed 1 insns'],
    'b; c; d',
  ],
  ['only instructions', ['0: (95) exit'], '0: (95) exit'],
  ['nothing', [''], 'it said nothing'],
];

for (const [what, lines, reason] of logs) {
  t.test(what, (t) => {
    const log = lines.join('\n');
    const error = new VerifierError('wire_tx', log);
    t.equal(error.message, `program wire_tx was refused by the verifier: ${reason}`);
    t.equal(error.log, log);
    t.equal(error.code, 13);
    t.end();
  });
}
