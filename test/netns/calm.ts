// SPDX-License-Identifier: Apache-2.0
/** For tests of what is not about silence: how links are judged there, and when they are trusted. */
import { Eye } from '../stage/eye.js';
import type { SiteName, Sites } from '../stage/sites.js';
import { until } from '../stage/up.js';

/**
 * Sessions come home at once, as on any stage; but a busy machine's moments of silence are no fault
 * of a link: whoever counts moves or losses would count those.
 */
export const calm = 'quality: {detectionMs: 1000, holdDownMs: 0, returnPerSecond: 0}';

/** Wait until nobody is kept away from a strand: one that failed, or was taken down, is trusted a moment after it is up. */
export function trusted(sites: Sites, site: SiteName, strand: string): Promise<void> {
  return until(`${strand} is trusted`, () => {
    using eye = new Eye(sites.pins(site));
    return eye.strand(strand).avoid === 0;
  });
}
