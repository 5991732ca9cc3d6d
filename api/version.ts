// SPDX-License-Identifier: Apache-2.0
/** The version of all of wanwire; `test/policy/docs.test.ts` compares it with package.json. */
export const version = '0.1.0';
