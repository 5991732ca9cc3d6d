// SPDX-License-Identifier: Apache-2.0
/** What the API server warns of: above all of fields that its CustomResourceDefinition does not know, and drops. */
import type { Logger } from '../log/log.js';
import type { Resource } from './types.js';

/** Logs each warning once. */
export class Warnings {
  readonly #seen = new Set<string>();
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** The header `warning` of an answer. */
  take(warning: string | undefined, { plural: resource }: Resource): void {
    if (warning === undefined || this.#seen.has(`${resource} ${warning}`)) return;
    this.#seen.add(`${resource} ${warning}`);
    if (!warning.includes('unknown field')) {
      this.#log.debug({ resource, warning }, 'warned by the API server');
      return;
    }
    this.#log.warn(
      { resource, warning },
      'the CustomResourceDefinition is older than this wanwire and drops fields: kubectl apply -k deploy/kustomize/crds',
    );
  }
}
