// SPDX-License-Identifier: Apache-2.0
/** What `wanwire audit` does, for the demo: Envoy's access log joined with the forwarder's session events. */
import { parseAddress } from '../../../api/grpc/address.js';
import { chooseForwarders } from '../../audit/forwarders.js';
import { startAudit, type RunningAudit } from '../../audit/run.js';
import type { AuditReport } from '../../audit/types.js';

/** Where it listens, and what it reads. */
export interface AuditorOptions {
  /** A socket for Envoy, which is nobody. */
  readonly socket: string;
  /** The edge's file, with the policy. */
  readonly file: string;
  /** Its pins are of this name. */
  readonly forwarder: string;
}

/** See the head of this file. Disposing it ends it. */
export class Auditor implements AsyncDisposable {
  /** Where Envoy sends its access log. */
  readonly address: string;
  readonly #running: RunningAudit;

  private constructor(socket: string, running: RunningAudit) {
    this.address = `unix:${socket}`;
    this.#running = running;
  }

  /** Start it. */
  static async start({ socket, file, forwarder }: AuditorOptions): Promise<Auditor> {
    const running = await startAudit({
      address: parseAddress(`unix://${socket}`),
      socketMode: 0o666,
      choice: { files: [file], policy: undefined },
      forwarders: await chooseForwarders([forwarder]),
      tell: () => undefined,
    });
    return new Auditor(socket, running);
  }

  /** What it says of all requests, once all are judged. */
  report(): Promise<AuditReport> {
    return this.#running.finish();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running[Symbol.asyncDispose]();
  }
}
