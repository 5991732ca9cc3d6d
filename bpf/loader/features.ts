// SPDX-License-Identifier: Apache-2.0
/** What this kernel has of BPF, tried out once; the kernel's number is not asked. */
import { NotSupportedError } from '../../api/errors/not-supported-error.js';
import { addon } from './addon.js';
import { trying } from './refused.js';

/** A row's number is the addon's, `since` the first kernel that has it. */
const table = {
  tcx: { number: 0, since: '6.6', what: 'tcx' },
  tunnelLocalAddress: { number: 1, since: '6.1', what: 'the local address of a BPF tunnel key' },
  mmapableArrays: { number: 2, since: '5.5', what: 'BPF arrays in memory (BPF_F_MMAPABLE)' },
  lpmTries: { number: 3, since: '4.11', what: 'BPF longest-prefix-match maps' },
} as const;

/** Something that a kernel has or lacks. */
export type Feature = keyof typeof table;

/** All of them. */
export const features = Object.keys(table) as readonly Feature[];

/** The version of the libbpf that is in use. */
export function libbpfVersion(): string {
  return addon.library().replace(/^v/, '');
}

const known = new Map<Feature, boolean>();

/** Whether the kernel has it. */
export function supports(feature: Feature): boolean {
  let answer = known.get(feature);
  if (answer === undefined) {
    answer = trying(`try ${table[feature].what}`, () => addon.probe(table[feature].number));
    known.set(feature, answer);
  }
  return answer;
}

/** A feature in words, and the first kernel that has it. */
export function describe(feature: Feature): { readonly what: string; readonly since: string } {
  return table[feature];
}

/** Throw a NotSupportedError for the first one that the kernel lacks. */
export function need(...wanted: readonly Feature[]): void {
  for (const feature of wanted) {
    const { what, since } = table[feature];
    if (!supports(feature)) throw new NotSupportedError(what, since);
  }
}
