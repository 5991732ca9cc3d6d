// SPDX-License-Identifier: Apache-2.0
/** `wanwire policy check`: whether files are right, and what their policies say. */
import { classNames, classOf } from '../../api/site/classes.js';
import { dscpText } from '../../api/site/traffic.js';
import type { PolicyClass, Site, SteeringPolicy } from '../../api/site/types.js';
import { paint } from '../paint.js';
import { tableLines } from '../plane/lines.js';
import { loadPolicies } from './load.js';
import { httpText, linksText, matchText, otherwiseText } from './words.js';

/** Tell what the files say; throws a SiteError with every mistake. */
export async function checkPolicies(
  paths: readonly string[],
  { json = false }: { readonly json?: boolean },
): Promise<void> {
  const { site, policies, services } = await loadPolicies(paths);
  const names = services.map(({ service, policy }) => ({
    service,
    policy: policy.name,
    class: policy.default,
  }));
  if (json) {
    const told = { site: site?.name ?? null, policies, services: names };
    process.stdout.write(`${JSON.stringify(told)}\n`);
    return;
  }
  const parts = policies.map((policy) => policyText(policy, site));
  parts.push(`services: ${names.map(({ service }) => service).join(', ')}`);
  if (site === undefined)
    parts.push('There is no Site in it: whether the links are there is not checked.');
  process.stdout.write(`${parts.join('\n\n')}\n`);
}

interface Row {
  readonly rule: string;
  readonly match: string;
  readonly class: string;
  readonly mark: string;
}

function policyText(policy: SteeringPolicy, site: Site | undefined): string {
  const style = paint(process.stdout);
  const where = site === undefined ? '' : ` of site ${site.name}`;
  const rows: Row[] = [
    ...policy.rules.map(({ name, match, class: of, mark }) => ({
      rule: name,
      match: matchText(match),
      class: of,
      mark: mark === undefined ? '' : dscpText(mark),
    })),
    { rule: '', match: 'anything else', class: policy.default, mark: '' },
    ...policy.httpRules.map(({ name, match, class: of, mark }) => ({
      rule: name,
      match: `by Envoy: ${httpText(match)}`,
      class: of,
      mark: mark === undefined ? '' : dscpText(mark),
    })),
  ];
  const rules = tableLines(
    rows,
    [
      { title: 'RULE', text: (row) => row.rule },
      { title: 'MATCH', text: (row) => row.match },
      { title: 'CLASS', text: (row) => row.class },
      { title: 'MARK', text: (row) => row.mark },
    ],
    style,
  );
  const classes = tableLines<PolicyClass>(
    classNames(policy).map((name) => classOf(policy, name)),
    [
      { title: 'CLASS', text: ({ name }) => name },
      { title: 'LINKS', text: (one) => linksText(one, site) },
      { title: 'OTHERWISE', text: otherwiseText },
    ],
    style,
  );
  const title = style.bold(`policy ${policy.name}`);
  return [`${title} for ${policy.services.join(', ')}${where}`, ...rules, '', ...classes].join(
    '\n',
  );
}
