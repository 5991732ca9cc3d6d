// SPDX-License-Identifier: Apache-2.0
/**
 * Several messages as one transaction, and what the kernel answered to each.
 * After an exclusive creation that was refused nothing more is sent.
 */
import { constants } from 'node:os';
import {
  formatMessage,
  getString,
  parseAttributes,
  parseMessages,
  type NetlinkMessage,
} from './codec.js';
import type { Message } from './frame.js';

/** What came of one message. */
export interface Answer {
  /** A positive errno, 0 where the kernel took it; ECANCELED where it never saw it. */
  readonly errno: number;
  /** The kernel's own words, if it had any. */
  readonly text: string;
  /** The objects it sent, in order. */
  readonly objects: readonly NetlinkMessage[];
  /** A dump whose objects changed meanwhile: to be asked for again. */
  readonly interrupted: boolean;
}

const types = { error: 2, done: 3 };
const flag = { interrupted: 0x10, capped: 0x100, tlvs: 0x200 };
const textAttribute = 1;

/** The bytes to send; message N of the batch has sequence number N, from 1. */
export function encode(messages: readonly Message[]): Buffer {
  return Buffer.concat(
    messages.flatMap(({ type, flags, body }, at) => {
      const data = [...body];
      const length = data.reduce((sum, part) => sum + part.length, 0);
      // Each message starts aligned.
      const pad = Buffer.alloc(-length & 3);
      return [...formatMessage({ type, flags, seq: at + 1, port: 0, data }), pad];
    }),
  );
}

/** One answer per message of the batch. */
export function decode(bytes: Buffer, count: number): readonly Answer[] {
  const answers = Array.from({ length: count }, () => ({
    errno: constants.errno.ECANCELED,
    text: '',
    objects: new Array<NetlinkMessage>(),
    interrupted: false,
  }));
  for (const message of parseMessages(bytes)) {
    const answer = answers[message.seq - 1];
    if (answer === undefined) continue;
    if ((message.flags & flag.interrupted) !== 0) answer.interrupted = true;
    if (message.type === types.error || message.type === types.done) {
      answer.errno = message.data.length < 4 ? 0 : Math.abs(message.data.readInt32LE(0));
      answer.text = textOf(message);
    } else {
      answer.objects.push(message);
    }
  }
  return answers;
}

function textOf({ type, flags, data }: NetlinkMessage): string {
  if (type !== types.error || (flags & flag.tlvs) === 0) return '';
  const echoed = (flags & flag.capped) === 0 ? data.readUInt32LE(4) : headerLength;
  let text = '';
  parseAttributes(data.subarray(4 + Math.ceil(echoed / 4) * 4), (attribute) => {
    if (attribute.type === textAttribute) text = getString(attribute.data);
  });
  return text;
}

const headerLength = 16;
