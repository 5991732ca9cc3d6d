// SPDX-License-Identifier: Apache-2.0
/** What the doctor looks at and what it finds. */

/** What one look found. */
export interface Look {
  readonly ok: boolean;
  readonly detail: string;
  /** How to get it, where that is another way than the check's. */
  readonly cure?: string;
}

/** One thing to look at. */
export interface Check {
  readonly name: string;
  /** `now`: this version cannot do without it. Otherwise what would use it. */
  readonly neededFor: string;
  /** What is wrong where it is missing. */
  readonly means: string;
  /** How to get it. */
  readonly cure: string;
  readonly look: (managerUrl: string) => Promise<Look> | Look;
}

/** One thing looked at. */
export interface Finding {
  readonly name: string;
  /** `missing` is needed now; `absent` is not. */
  readonly state: 'ok' | 'missing' | 'absent';
  readonly neededFor: string;
  readonly detail: string;
  readonly cure?: string;
}
