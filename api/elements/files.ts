// SPDX-License-Identifier: Apache-2.0
/**
 * The files of a Request or Close: network namespaces, as descriptors beneath TLS.
 *
 * When: on the way in it opens what a mechanism names, our own namespace or
 * one the caller has sent (`inode://DEVICE/INODE`), and puts it into `call.files`; `remote`
 * sends on from there what goes to the next hop. On the way back what the answer names, and
 * the Request did not, is sent to the caller, who may wait for it. On Close as on the way in.
 * Where: first in a server's chain, before `begin`: a descriptor does not wait
 * in line. In a client's chain right before `remote`, so that a refresh has them, too.
 * Leaves: nothing; they are closed with the answer, for one that is held keeps its namespace alive.
 *
 * A file that does not come is done without: a forwarder looks for the
 * namespace among the processes then.
 */
import { closeSync, openSync } from 'node:fs';
import type { Call, Files } from '../chain/call.js';
import type { Guard } from '../chain/element.js';
import { inodeUrl, takeFile } from '../fdpass/take-file.js';
import type { Connection, Mechanism } from '../gen/connection.js';
import { kernel } from './kernel-mechanism.js';

/** Where our own namespace is. */
export interface OwnFiles {
  /** As `ownNamespaceUrl()` gives it. */
  readonly url: string;
  readonly path?: string;
}

/** The element; `own` is the namespace of this process, where it has one to show. */
export function files(own?: OwnFiles): Guard {
  return {
    kind: 'guard',
    name: 'files',

    async request(call, request, next) {
      const { connection, mechanismPreferences } = request;
      const mechanisms = [connection.mechanism, ...mechanismPreferences];
      const asked = new Set(urlsOf(mechanisms));
      using held = await gather(call, mechanisms, own);
      const answer = await next({ ...call, files: held }, request);
      if (!asked.has(answer.mechanism?.parameters[kernel.inodeUrl] ?? '')) {
        sendBack(call, answer, held, own);
      }
      return answer;
    },

    async close(call, connection, next) {
      using held = await gather(call, [connection.mechanism], own);
      await next({ ...call, files: held }, connection);
    },
  };
}

/** Open descriptors by URL; disposing closes them. */
export class HeldFiles extends Map<string, number> implements Files, Disposable {
  [Symbol.dispose](): void {
    for (const fd of this.values()) closeSync(fd);
    this.clear();
  }
}

/** The descriptors of `mechanisms` that are at hand: what goes along with a call. */
export function filesOf(
  { files: held }: Call,
  mechanisms: readonly (Mechanism | undefined)[],
): readonly number[] {
  if (held === undefined) return [];
  return urlsOf(mechanisms).flatMap((url) => held.get(url) ?? []);
}

function urlsOf(mechanisms: readonly (Mechanism | undefined)[]): readonly string[] {
  const urls = mechanisms.flatMap((one) => one?.parameters[kernel.inodeUrl] ?? []);
  return [...new Set(urls)];
}

async function gather(
  call: Call,
  mechanisms: readonly (Mechanism | undefined)[],
  own: OwnFiles | undefined,
): Promise<HeldFiles> {
  const held = new HeldFiles();
  await Promise.all(
    urlsOf(mechanisms).map(async (url) => {
      const fd = url === own?.url ? openOwn(own) : await takeFile(call, url);
      if (fd !== undefined) held.set(url, fd);
    }),
  );
  return held;
}

/** An inode URL without its descriptor would keep a caller waiting. */
function sendBack(
  { peer, log }: Call,
  { mechanism }: Connection,
  held: HeldFiles,
  own: OwnFiles | undefined,
): void {
  const url = mechanism?.parameters[kernel.inodeUrl];
  if (url === undefined || peer?.descriptors === undefined) return;
  const mine = url === own?.url && !held.has(url) ? openOwn(own) : undefined;
  if (mine !== undefined) held.set(url, mine);
  const fd = held.get(url);
  if (fd === undefined) return;
  try {
    peer.descriptors.send(fd);
  } catch (err) {
    log.debug({ url, err }, 'a descriptor was not sent');
  }
}

function openOwn({ url, path = '/proc/self/ns/net' }: OwnFiles): number | undefined {
  const fd = openSync(path, 'r');
  if (url === inodeUrl(fd)) return fd;
  closeSync(fd);
  return undefined;
}
