// SPDX-License-Identifier: Apache-2.0
/**
 * A WAN lab: sites as network namespaces, and links between them that can be
 * made slow, lossy or dead while they run. It outlives the process that made it.
 */
import { Place } from './place.js';
import type { Counters, LabFile, LabStatus, LinkChange, LinkReport } from './types.js';

/** How a lab is made. */
export interface UpOptions {
  /** Goes before the file's own name. */
  readonly name?: string | undefined;
  /** Stops the making; what was made is taken away. */
  readonly signal?: AbortSignal | undefined;
}

/** See the head of this file. */
export class Lab implements AsyncDisposable {
  readonly name: string;
  readonly file: LabFile;

  private constructor(name: string, file: LabFile) {
    this.name = name;
    this.file = file;
  }

  /** Make a lab of a file (its path, or what stands in it). Leaves nothing where it fails. */
  static async up(_file: LabFile | string, _options: UpOptions = {}): Promise<Lab> {
    return Promise.reject(new Error('not written yet'));
  }

  /** A lab that is up, whoever made it; without a name, the only one there is. */
  static async open(_name?: string): Promise<Lab> {
    return Promise.reject(new Error('not written yet'));
  }

  /** A site's node. */
  node(site: string): Place {
    return this.place(site);
  }

  /** A site's node (`edge`), client or server (`edge/client`). */
  place(name: string): Place {
    return new Place(name, `ww-${this.name}-${name.replace('/', '-')}`);
  }

  /** Change a link (`edge/wan1`) while it runs: its devices, their indices and addresses stay. */
  async set(_link: string, _change: LinkChange): Promise<void> {
    return Promise.reject(new Error('not written yet'));
  }

  /** What the kernel counted at the link's device. */
  async counters(_link: string): Promise<Counters> {
    return Promise.reject(new Error('not written yet'));
  }

  /** Everything as it is now. */
  async status(): Promise<LabStatus> {
    return Promise.reject(new Error('not written yet'));
  }

  /** Measure what the links do; all of them, or those named. */
  async check(_links?: readonly string[]): Promise<readonly LinkReport[]> {
    return Promise.reject(new Error('not written yet'));
  }

  /** Take everything away; what runs in the namespaces is ended. Once more does nothing. */
  async down(): Promise<void> {
    return Promise.reject(new Error('not written yet'));
  }

  /** Takes it down where this object made it; leaves it where it was opened. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
  }
}
