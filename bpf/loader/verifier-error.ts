// SPDX-License-Identifier: Apache-2.0
/** The verifier's no, with all that it said. */
import { status } from '@grpc/grpc-js';
import { WireError } from '../../api/errors/wire-error.js';

/** A program of ours was refused: a bug of ours, or a kernel that lacks something. */
export class VerifierError extends WireError {
  override readonly name: string = 'VerifierError';
  /** The program's name. */
  readonly program: string;
  /** Everything the verifier said. */
  readonly log: string;

  constructor(program: string, log: string) {
    super(status.INTERNAL, `program ${program} was refused by the verifier: ${reasonIn(log)}`);
    this.program = program;
    this.log = log;
  }
}

/** Statistics, and what the verifier went through: source lines, instructions, states of registers. */
const steps =
  /^(processed \d|verification time|stack depth|max_|;|\d+: |from \d|R\d+\w*=|last_idx|regs=)/;

/** Its last words that are sentences. */
function reasonIn(log: string): string {
  const lines = log
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const last = lines.findLastIndex((line) => !steps.test(line));
  const before = lines.slice(0, last + 1).findLastIndex((line) => steps.test(line));
  const words = lines.slice(Math.max(before + 1, last - 2), last + 1);
  return words.join('; ') || (lines.at(-1) ?? 'it said nothing');
}
