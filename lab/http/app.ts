// SPDX-License-Identifier: Apache-2.0
/** An app in a place of a lab whose users send requests; it measures what becomes of each. */
import { LabError } from '../file/mistakes.js';
import type { Place } from '../place.js';
import { script, type Script } from './script.js';
import type { Answered, AppOptions } from './types.js';

/** One that runs. Disposing it ends it at once. */
export class App implements AsyncDisposable {
  /** All that was answered or failed so far, in that order. */
  readonly answered: readonly Answered[];
  readonly #script: Script;
  #over = false;

  private constructor(running: Script, answered: readonly Answered[]) {
    this.#script = running;
    this.answered = answered;
    void running.ended.then(() => (this.#over = true));
  }

  /** Start it; resolves when its first requests are under way. `take` gets each answer as it comes. */
  static async start(
    place: Place,
    options: AppOptions,
    take: (answered: Answered) => void = () => undefined,
  ): Promise<App> {
    const answered: Answered[] = [];
    const running = await script(place, 'app-main', [JSON.stringify(options)], (line) => {
      const one = JSON.parse(line) as Answered;
      answered.push(one);
      take(one);
    });
    return new App(running, answered);
  }

  /** Whether it has ended. */
  get isOver(): boolean {
    return this.#over;
  }

  /** Resolves when all loads have sent what they should, and all was answered. */
  async finished(): Promise<readonly Answered[]> {
    await this.#script.ended;
    if (this.#script.child.exitCode !== 0) {
      throw new LabError(`the app has broken off: ${this.#script.complaint()}`);
    }
    return this.answered;
  }

  /** Send nothing more, and wait for what is under way. */
  async finish(): Promise<readonly Answered[]> {
    this.#script.child.stdin?.end();
    return this.finished();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#script.child.kill('SIGKILL');
    await this.#script.ended;
  }
}
