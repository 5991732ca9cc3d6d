// SPDX-License-Identifier: Apache-2.0
/** Sets of rules, a bit for each, as fast as 1,000 rules of four prefixes need it. */
import { limits } from '../../bpf/loader/layout.js';

/** Rule N is bit N % 32 of word N / 32. */
export type RuleBits = Uint32Array<ArrayBuffer>;

/** No rule. */
export function noRules(): RuleBits {
  return new Uint32Array(2 * limits.words);
}

/** Put a rule into a set. */
export function addRule(bits: RuleBits, rule: number): void {
  bits[rule >>> 5] = (bits[rule >>> 5] ?? 0) | (1 << (rule & 31));
}

/** Put all rules of another set into a set. */
export function addRules(bits: RuleBits, others: RuleBits): void {
  for (let at = 0; at < bits.length; at++) bits[at] = (bits[at] ?? 0) | (others[at] ?? 0);
}

/** struct ww_bits: the host is little-endian, as all that we run on. */
export function wordsOf(bits: RuleBits): readonly bigint[] {
  return Array.from(new BigUint64Array(bits.buffer));
}
