// SPDX-License-Identifier: Apache-2.0
/** What each strand's line has carried, read out of the maps. */
import type { StrandWords } from '../steering/strand-words.js';
import { addressBytes } from '../steering/strands.js';
import { meteredOf } from './strand-meters.js';
import type { Metered } from './usage.js';
import type { WatchedStrand } from './watched.js';

/** See the head of this file. */
export function meteredStrands(
  words: Pick<StrandWords, 'carried' | 'large' | 'measured'>,
  strands: readonly WatchedStrand[],
): readonly Metered[] {
  return strands.flatMap(({ id, local, remote, link, family }) => {
    const found = words.measured(id);
    if (found === undefined) return [];
    const large = words.large(id);
    const counted = {
      family,
      ...words.carried(id),
      sent: found.sent,
      failed: found.failed,
      received: found.received,
      reflected: found.reflected,
      ...(large && { large }),
    };
    const ends = { local: addressBytes(local), remote: addressBytes(remote) };
    return [meteredOf({ id, link: link.config.name, ...ends, counted })];
  });
}
