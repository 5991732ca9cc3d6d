// SPDX-License-Identifier: Apache-2.0
/** A SPIFFE agent on a real socket that says what a test wants. */
import { Server, ServerCredentials, status, type ServerWritableStream } from '@grpc/grpc-js';
import type { X509Certificate } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { SpiffeWorkloadAPIService, X509SVIDResponse } from '../../api/gen/workload.js';
import type { Issued } from './certificates.js';

type Stream = ServerWritableStream<unknown, X509SVIDResponse>;

/** An answer with these SVIDs. */
export function agentAnswer(
  svids: readonly { readonly id: string; readonly issued: Issued }[],
  roots: readonly X509Certificate[],
  federated: Readonly<Record<string, readonly X509Certificate[]>> = {},
): X509SVIDResponse {
  const join = (all: readonly X509Certificate[]): Buffer =>
    Buffer.concat(all.map(({ raw }) => raw));
  return X509SVIDResponse.fromPartial({
    svids: svids.map(({ id, issued }) => ({
      spiffeId: id,
      x509Svid: Buffer.concat(issued.chain),
      x509SvidKey: issued.pkcs8,
      bundle: join(roots),
    })),
    federatedBundles: Object.fromEntries(
      Object.entries(federated).map(([domain, all]) => [domain, join(all)]),
    ),
  });
}

/** The agent; it may be stopped and started again. */
export class TestAgent {
  readonly url: string;
  /** What it says to who asks; a refusal where it is a code. */
  answer: X509SVIDResponse | status = status.PERMISSION_DENIED;
  /** Metadata of the last who asked. */
  asked: Readonly<Record<string, unknown>> = {};
  readonly #path: string;
  readonly #streams = new Set<Stream>();
  #server: Server | undefined;

  constructor(path: string) {
    this.#path = path;
    this.url = `unix://${path}`;
  }

  async start(): Promise<void> {
    const server = new Server();
    const serve = (stream: Stream): void => {
      this.asked = stream.metadata.getMap();
      this.#streams.add(stream);
      stream.on('cancelled', () => this.#streams.delete(stream));
      this.#tell(stream);
    };
    server.addService(SpiffeWorkloadAPIService, {
      fetchX509Svid: serve,
      fetchX509Bundles: (stream: Stream) => stream.end(),
    });
    await new Promise<void>((resolve, reject) => {
      const credentials = ServerCredentials.createInsecure();
      server.bindAsync(`unix:${this.#path}`, credentials, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
    this.#server = server;
  }

  /** Say something else to all who listen. */
  say(answer: X509SVIDResponse | status): void {
    this.answer = answer;
    for (const stream of this.#streams) this.#tell(stream);
  }

  get streams(): number {
    return this.#streams.size;
  }

  async stop(): Promise<void> {
    this.#server?.forceShutdown();
    this.#server = undefined;
    this.#streams.clear();
    await rm(this.#path, { force: true });
  }

  #tell(stream: Stream): void {
    const { answer } = this;
    if (typeof answer !== 'number') {
      stream.write(answer);
      return;
    }
    this.#streams.delete(stream);
    stream.emit('error', { code: answer, details: 'no identity issued' });
  }
}
