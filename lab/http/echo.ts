// SPDX-License-Identifier: Apache-2.0
/** An HTTP service in a place of a lab that answers each request with its own body. */
import { LabError } from '../file/mistakes.js';
import type { Place } from '../place.js';
import { script, type Script } from './script.js';

/** One that runs. Disposing it ends it. */
export class Echo implements AsyncDisposable {
  readonly #script: Script;

  private constructor(running: Script) {
    this.#script = running;
  }

  /** HTTP/1.1, HTTP/2 without TLS and gRPC on one port; resolves when it listens. */
  static async start(place: Place, port: number): Promise<Echo> {
    return new Echo(await script(place, 'echo-main', [String(port)]));
  }

  /** Rejects when it ends by itself. */
  async broken(): Promise<never> {
    await this.#script.ended;
    throw new LabError(`the service has ended: ${this.#script.complaint()}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#script.child.kill('SIGKILL');
    await this.#script.ended;
  }
}
