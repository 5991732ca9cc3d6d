// SPDX-License-Identifier: Apache-2.0
/** Ids of wires as short as can be told apart: `--wire` understands them. */

const least = 8;

/** The shortest beginning that none of the others has, of one length for all. */
export function shortIds(all: readonly string[]): (id: string) => string {
  const longest = Math.max(0, ...all.map(({ length }) => length));
  for (let length = least; length < longest; length++) {
    if (new Set(all.map((id) => id.slice(0, length))).size === new Set(all).size) {
      return (id) => id.slice(0, length);
    }
  }
  return String;
}
