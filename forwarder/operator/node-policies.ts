// SPDX-License-Identifier: Apache-2.0
/**
 * The policies of a node: those of its site's file, and over them those that an
 * operator applied, until they are removed. A change is checked with all the
 * others, comes in force, and is then kept; what fails on the way changes nothing.
 */
import { status } from '@grpc/grpc-js';
import { WireError } from '../../api/errors/wire-error.js';
import type { Logger } from '../../api/log/log.js';
import { policyDigest } from '../../api/site/policy-digest.js';
import type { SiteFiles } from '../../api/site/types.js';
import { checkPolicies } from './check-policies.js';
import type { InForce, PolicyDocument, PolicyInfo } from './operator.js';
import type { AppliedPolicies } from './policies.js';

/** What {@link NodePolicies} works with. */
export interface NodePoliciesOptions {
  readonly applied: AppliedPolicies;
  /** What the site's file says at the start. */
  readonly site: SiteFiles;
  /** Puts policies in force; resolves to the number of the generation. */
  readonly enforce: (files: SiteFiles) => Promise<number>;
  readonly log: Logger;
  /** Called when what is told of them may be otherwise. */
  readonly changed?: () => void;
}

/** See the head of this file. */
export class NodePolicies {
  readonly #options: NodePoliciesOptions;
  #site: SiteFiles;
  #files: SiteFiles;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: NodePoliciesOptions) {
    this.#options = options;
    this.#site = options.site;
    this.#files = this.#fitting(options.site);
  }

  /** What should be in force. */
  get files(): SiteFiles {
    return this.#files;
  }

  /** All policies, as an operator is told. */
  get all(): readonly PolicyInfo[] {
    const { applied } = this.#options;
    return this.#files.policies.map((policy) => ({
      name: policy.name,
      services: policy.services,
      // One that does not fit is kept and not in force.
      from: applied.get(policy.name)?.policy === policy ? 'applied' : 'site',
      rules: policy.rules.length,
      classes: policy.classes.map(({ name }) => name),
      digest: policyDigest(policy),
    }));
  }

  /** The site's file says something else now. An applied policy that does not fit it is told and left out. */
  siteChanged(site: SiteFiles): Promise<InForce> {
    return this.#inLine(async () => {
      const inForce = await this.#enforce(this.#fitting(site));
      this.#site = site;
      this.#options.changed?.();
      return inForce;
    });
  }

  /** Put these over those of the same names. */
  apply(documents: readonly PolicyDocument[]): Promise<InForce> {
    return this.#inLine(() => {
      const { applied } = this.#options;
      const names = new Set(documents.map(({ policy }) => policy.name));
      const others = applied.all.filter(({ policy }) => !names.has(policy.name));
      return this.#change([...others, ...documents], () => applied.save(documents));
    });
  }

  /** That of the site's file, if there is one, is in force again. */
  remove(name: string): Promise<InForce> {
    return this.#inLine(() => {
      const { applied } = this.#options;
      if (applied.get(name) === undefined) throw this.#notApplied(name);
      const others = applied.all.filter(({ policy }) => policy.name !== name);
      return this.#change(others, () => applied.delete(name));
    });
  }

  async #change(documents: readonly PolicyDocument[], keep: () => void): Promise<InForce> {
    const before = this.#files;
    const files = over(this.#site, documents);
    checkPolicies(files);
    const inForce = await this.#enforce(files);
    try {
      keep();
    } catch (reason) {
      await this.#enforce(before);
      throw reason;
    }
    // Also which were applied is told.
    this.#options.changed?.();
    return inForce;
  }

  async #enforce(files: SiteFiles): Promise<InForce> {
    const began = performance.now();
    const generation = await this.#options.enforce(files);
    this.#files = files;
    return { generation, ms: Math.round((performance.now() - began) * 10) / 10 };
  }

  /** The site with as many of the applied policies as fit it. */
  #fitting(site: SiteFiles): SiteFiles {
    const { applied, log } = this.#options;
    const fitting: PolicyDocument[] = [];
    for (const document of applied.all) {
      try {
        checkPolicies(over(site, [...fitting, document]));
        fitting.push(document);
      } catch (reason) {
        const { name } = document.policy;
        log.error({ err: reason, policy: name }, "an applied policy does not fit the site's file");
      }
    }
    return over(site, fitting);
  }

  #notApplied(name: string): WireError {
    if (this.#files.policies.some((one) => one.name === name)) {
      const text = `policy "${name}" is the site file's own: change it there, or apply another over it`;
      return new WireError(status.FAILED_PRECONDITION, text);
    }
    const known = this.#options.applied.all.map(({ policy }) => policy.name).join(', ') || 'none';
    return new WireError(
      status.NOT_FOUND,
      `policy "${name}" is not applied: want one of those that are (${known})`,
    );
  }

  #inLine<T>(change: () => Promise<T>): Promise<T> {
    const run = this.#turn.then(change);
    this.#turn = run.catch(() => undefined);
    return run;
  }
}

/** A site's documents with other policies over those of the same names. */
function over(site: SiteFiles, documents: readonly PolicyDocument[]): SiteFiles {
  const names = new Set(documents.map(({ policy }) => policy.name));
  const kept = site.policies.filter(({ name }) => !names.has(name));
  return { ...site, policies: [...kept, ...documents.map(({ policy }) => policy)] };
}
