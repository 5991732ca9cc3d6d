// SPDX-License-Identifier: Apache-2.0
/**
 * The policies that requests are held against: the one that was in force when a request began. Envoy
 * and forwarder do not change at the moment the file does, so that near a change both are.
 */
import type { SteeringPolicy } from '../../api/site/types.js';
import type { BookLink } from './link-book.js';

/** What a file says. */
export interface PolicyText {
  readonly policy: SteeringPolicy;
  /** Of the Site in it; none where there is none. */
  readonly links: readonly BookLink[];
}

interface Dated extends PolicyText {
  readonly from: number;
}

const mostPolicies = 16;

/** See the head of this file. */
export class PolicyHistory {
  readonly #settleMs: number;
  #all: readonly Dated[];
  #changes = 0;
  #headers: ReadonlySet<string>;

  /** `settleMs` before and after a change the policies on both sides of it are in force. */
  constructor(first: PolicyText, settleMs: number) {
    this.#settleMs = settleMs;
    // It was so before, as far as anybody knows.
    this.#all = [{ ...first, from: -Infinity }];
    this.#headers = headersOf(first.policy);
  }

  get changes(): number {
    return this.#changes;
  }

  get current(): PolicyText {
    return this.#all.at(-1) ?? fail();
  }

  /** The headers that rules ask for now, in small letters. */
  get headers(): ReadonlySet<string> {
    return this.#headers;
  }

  /** Another policy from now on. */
  change(text: PolicyText, at: number): void {
    this.#changes++;
    this.#all = [...this.#all, { ...text, from: at }].slice(-mostPolicies);
    this.#headers = headersOf(text.policy);
  }

  /** Those that a request of this time may have met, the likeliest first. */
  at(time: number): readonly PolicyText[] {
    const inForce = this.#all.findLast(({ from }) => from <= time) ?? this.#all[0] ?? fail();
    const others = this.#all.filter((one, at) => {
      const ends = this.#all[at + 1]?.from ?? Infinity;
      const near = one.from <= time + this.#settleMs && ends >= time - this.#settleMs;
      return one !== inForce && near;
    });
    return [inForce, ...others];
  }
}

function headersOf({ httpRules }: SteeringPolicy): ReadonlySet<string> {
  return new Set(httpRules.flatMap(({ match }) => Object.keys(match.headers)));
}

function fail(): never {
  throw new TypeError('there is no policy');
}
