// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:os';
import t from 'tap';
import { decode } from './batch.js';

const { ECANCELED, EEXIST } = constants.errno;

/** One message with its header. */
function packet(type: number, flags: number, seq: number, hex: string): Buffer {
  const data = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  const header = Buffer.alloc(16);
  header.writeUInt32LE(16 + data.length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(flags, 6);
  header.writeUInt32LE(seq, 8);
  return Buffer.concat([header, data, Buffer.alloc(-data.length & 3)]);
}

const request = '10000000 10000506 01000000 00000000'; // the message that is answered, without its body
const text = Buffer.from('File exists\0').toString('hex');

t.test("acks, errors with the kernel's words, objects, and silence", async (t) => {
  const bytes = Buffer.concat([
    packet(2, 0x100, 1, `00000000 ${request}`),
    packet(2, 0x300, 2, `efffffff ${request} 10000100 ${text}`),
    packet(20, 2, 3, 'aabbccdd'),
    packet(20, 2, 3, 'eeff0011'),
    packet(3, 2, 3, '00000000'),
  ]);
  const answers = decode(bytes, 4);
  t.match(answers, [
    { errno: 0, text: '', objects: [] },
    { errno: EEXIST, text: 'File exists', objects: [] },
    {
      errno: 0,
      objects: [{ data: Buffer.from('aabbccdd', 'hex') }, { data: Buffer.from('eeff0011', 'hex') }],
    },
    { errno: ECANCELED, objects: [] },
  ]);
});

t.test('an error that echoes the whole message keeps its words behind it', async (t) => {
  const echoed = `14000000 10000506 01000000 00000000 01020304`;
  const [answer] = decode(packet(2, 0x200, 1, `efffffff ${echoed} 10000100 ${text}`), 1);
  t.match(answer, { errno: EEXIST, text: 'File exists' });
});

t.test('a dump that changed meanwhile, and one that failed', async (t) => {
  const answers = decode(
    Buffer.concat([
      packet(20, 0x12, 1, 'aabbccdd'),
      packet(3, 2, 1, '00000000'),
      packet(3, 2, 2, 'efffffff'),
    ]),
    2,
  );
  t.match(answers, [
    { errno: 0, interrupted: true },
    { errno: EEXIST, interrupted: false },
  ]);
});

t.test('an answer to nobody is passed over', async (t) => {
  t.match(decode(packet(2, 0x100, 9, `00000000 ${request}`), 1), [{ errno: ECANCELED }]);
});
