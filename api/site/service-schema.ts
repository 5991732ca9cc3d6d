// SPDX-License-Identifier: Apache-2.0
/** `kind: NetworkService` in the form of NSM's CRD. */
import { z } from 'zod';
import { labels, name, object, whole, yesOrNo } from './fields.js';

const selector = labels('labels such as {app: sensor}').default({});

const route = object('a route such as {destination_selector: {link: fibre}}', {
  destination_selector: selector,
  weight: whole('a weight: a whole number from 1 to 10000', 1, 10_000).default(1),
});

const match = object('a match such as {source_selector: {}, routes: []}', {
  source_selector: selector,
  routes: z.array(route, { error: 'a list of routes' }).default([]),
  fallthrough: yesOrNo.default(false),
  metadata: object('a mapping such as {labels: {p2p: "true"}}', { labels: selector }).optional(),
});

/** `spec`. */
export const networkServiceSpec = object('a mapping such as {payload: IP, matches: []}', {
  name: name.optional(),
  payload: z.enum(['IP', 'ETHERNET'], { error: 'IP or ETHERNET' }).default('IP'),
  matches: z.array(match, { error: 'a list of matches' }).default([]),
  // Who has registered it, as NSM's registry writes it into the object.
  path_ids: z.array(z.string(), { error: 'a list of SPIFFE IDs' }).optional(),
});
