// SPDX-License-Identifier: Apache-2.0
/** The parts of docs/site-file.md and docs/policy.md that are made from the schemas. */
import { http } from '../../api/site/http-schema.js';
import { policyClass, policySpec, rule } from '../../api/site/policy-schema.js';
import { gateway, identity, link, peer, siteSpec } from '../../api/site/site-schema.js';
import { objectIn, schemaTable } from './schema.js';

/** Of docs/site-file.md. */
export function siteParts(): Readonly<Record<string, string>> {
  return {
    site: schemaTable(siteSpec),
    links: schemaTable(link),
    quality: schemaTable(objectIn(link.shape.quality)),
    peers: schemaTable(peer),
    identities: schemaTable(identity),
    gateway: schemaTable(gateway),
  };
}

/** Of docs/policy.md. */
export function policyParts(): Readonly<Record<string, string>> {
  const { match, mark } = rule.shape;
  const { links, sla } = policyClass.shape;
  return {
    policy: schemaTable(policySpec),
    rules: schemaTable(rule),
    match: schemaTable(match),
    http: schemaTable(objectIn(http)),
    mark: schemaTable(objectIn(mark)),
    classes: schemaTable(policyClass),
    'class-links': schemaTable(objectIn(links)),
    sla: schemaTable(objectIn(sla)),
  };
}
