// SPDX-License-Identifier: Apache-2.0
/** For tests of what is not about silence: how links are judged there. */

/**
 * Sessions come home at once, as on any stage; but a busy machine's moments of silence are no fault
 * of a link: whoever counts moves or losses would count those.
 */
export const calm = 'quality: {detectionMs: 1000, holdDownMs: 0, returnPerSecond: 0}';
