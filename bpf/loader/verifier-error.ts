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

/** Its last words are statistics; the line before says what was wrong. */
function reasonIn(log: string): string {
  const lines = log.split('\n').map((line) => line.trim());
  const words = lines.filter(
    (line) =>
      line !== '' &&
      // Statistics, source lines, instructions, register states.
      !/^(processed \d|verification time|stack depth|max_|;|\d+: |from \d|R\d)/.test(line),
  );
  return words.at(-1) ?? lines.findLast((line) => line !== '') ?? 'it said nothing';
}
