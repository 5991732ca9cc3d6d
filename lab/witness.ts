// SPDX-License-Identifier: Apache-2.0
/**
 * Which requests passed a device of a lab: told by a program that looks at the
 * device's packets (`bpf/tools/witness`) and knows nothing of policies, maps or logs.
 * A request is seen by a token in clear text, `ww-request=USER.NUMBER;`.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { built } from './built.js';
import { LabError } from './file/mistakes.js';
import type { Place } from './place.js';
import { Sightings } from './sightings.js';
import type { Passed, PassedDirection, WitnessSummary } from './sightings.js';

export type { Passed, PassedDirection, WitnessSummary };

/** How much a witness can hold. */
export interface WitnessOptions {
  /** Of packets that it has not looked at yet; 32 MiB where not given. */
  readonly ringKib?: number | undefined;
  /** How many it tells apart; half a million where not given. */
  readonly tokens?: number | undefined;
}

/** One that looks. Disposing it ends it, and says nothing of what it missed: {@link Witness.stop} does. */
export class Witness implements AsyncDisposable {
  readonly #where: string;
  readonly #child: ChildProcess;
  readonly #sightings = new Sightings();
  readonly #ready: Promise<void>;
  /** To its exit code, once all it said is read. */
  readonly #ended: Promise<number | null>;
  #complaint = '';

  private constructor(where: string, child: ChildProcess) {
    this.#where = where;
    this.#child = child;
    const { stdout, stderr } = child;
    if (stdout === null || stderr === null) throw new TypeError('a witness needs pipes');
    stderr.setEncoding('utf8').on('data', (text: string) => (this.#complaint += text));
    const lines = createInterface({ input: stdout });
    this.#ready = new Promise((resolve) => {
      lines.once('line', () => {
        lines.on('line', (line) => this.#take(line));
        resolve();
      });
    });
    const read = once(lines, 'close');
    this.#ended = Promise.all([once(child, 'exit'), read]).then(
      ([[code]]) => code as number | null,
    );
    this.#ended.catch(() => undefined);
  }

  /** Look at a device; resolves once nothing passes unseen. */
  static async start(place: Place, device: string, options: WitnessOptions = {}): Promise<Witness> {
    const { ringKib = 32 << 10, tokens = 1 << 19 } = options;
    const args = [device, String(ringKib), String(tokens)];
    const child = place.spawn(built('#witness'), args, { stdio: 'pipe' });
    const witness = new Witness(`${place.name}/${device}`, child);
    const over = witness.#ended.then(() => {
      throw witness.#error('does not start');
    });
    await Promise.race([witness.#ready, over]);
    return witness;
  }

  /** How many requests passed until a moment ago, by user; once it is stopped, all of them. */
  seen(): ReadonlyMap<string, Passed> {
    return this.#sightings.seen();
  }

  /** Which requests of a user passed in that direction, or in either. */
  ids(user: string, direction?: PassedDirection): ReadonlySet<number> {
    return this.#sightings.ids(user, direction);
  }

  /** Look no more; rejects where something may have passed unseen. */
  async stop(): Promise<WitnessSummary> {
    this.#child.stdin?.end();
    const code = await this.#ended;
    const { summary } = this.#sightings;
    if (code !== 0 || summary === undefined || this.#complaint !== '') {
      throw this.#error('is of no use');
    }
    return summary;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end();
    await this.#ended.catch(() => undefined);
  }

  #take(line: string): void {
    try {
      this.#sightings.take(line);
    } catch (reason) {
      this.#complaint += String(reason);
    }
  }

  #error(what: string): LabError {
    const why = this.#complaint.trim().replace(/^witness: /, '') || 'it was ended';
    return new LabError(`the witness at ${this.#where} ${what}: ${why}`);
  }
}
