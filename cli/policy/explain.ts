// SPDX-License-Identifier: Apache-2.0
/** `wanwire policy explain`: which rule and class a session gets, and why not another. */
import { parseSpiffeId } from '../../api/identity/spiffe-id.js';
import { nearest } from '../../api/env/nearest.js';
import { invalid } from '../../api/errors/wire-error.js';
import { bytesOf } from '../../api/site/address-bytes.js';
import { classOf, type ServicePolicy } from '../../api/site/classes.js';
import {
  dscpText,
  parseDscp,
  parsePorts,
  parseProtocol,
  protocolText,
} from '../../api/site/traffic.js';
import { paint } from '../paint.js';
import { columns } from '../table.js';
import { type Described, whyNot } from './fit.js';
import { loadPolicies } from './load.js';
import { linksText, matchText, otherwiseText } from './words.js';

/** As the command line has them. */
export interface ExplainOptions {
  readonly service?: string;
  readonly dscp?: string;
  readonly protocol?: string;
  readonly from?: string;
  readonly to?: string;
  readonly fromPort?: string;
  readonly toPort?: string;
  readonly label?: readonly string[];
  readonly identity?: string;
  readonly json?: boolean;
}

/** Tell it; throws what is wrong with the files or the options. */
export async function explainPolicy(
  paths: readonly string[],
  options: ExplainOptions,
): Promise<void> {
  const session = described(options);
  const { site, services } = await loadPolicies(paths);
  const { service, policy } = chosen(services, options.service);
  const looked: { readonly rule: string; readonly match: string; readonly why: string }[] = [];
  let found: (typeof policy.rules)[number] | undefined;
  for (const rule of policy.rules) {
    const why = whyNot(rule.match, session);
    looked.push({ rule: rule.name, match: matchText(rule.match), why: why ?? 'fits' });
    if (why !== undefined) continue;
    found = rule;
    break;
  }
  const name = found?.class ?? policy.default;
  const of = classOf(policy, name);
  const links = linksText(of, site);
  const mark = found?.mark === undefined ? undefined : dscpText(found.mark);
  if (options.json === true) {
    const told = { service, policy: policy.name, rule: found?.name ?? null, class: name, links };
    process.stdout.write(`${JSON.stringify({ ...told, mark: mark ?? null, looked })}\n`);
    return;
  }
  const { bold, dim } = paint(process.stdout);
  const { line } = columns(looked.map(({ rule, match, why }) => [rule, why, match]));
  const reason =
    found === undefined ? 'no rule fits: the default' : `rule ${found.name} is the first that fits`;
  const http = policy.httpRules.map(({ name: rule }) => rule);
  const lines = [
    `service ${service}, policy ${policy.name}: ${sessionText(session)}`,
    ...looked.map(({ rule, match, why }) => {
      const text = `  ${line([rule, why, match])}`;
      return why === 'fits' ? text : dim(text);
    }),
    `class ${bold(name)}: ${reason}`,
    `links: ${links}; then ${otherwiseText(of)}`,
    ...(mark === undefined ? [] : [`outer packets are marked with dscp ${mark}`]),
    ...(http.length === 0
      ? []
      : [`Rules for http (${http.join(', ')}) are for Envoy and not looked at.`]),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

function chosen(services: readonly ServicePolicy[], name: string | undefined): ServicePolicy {
  const names = services.map(({ service }) => service);
  const found = name === undefined ? services[0] : services.find(({ service }) => service === name);
  if (found !== undefined) return found;
  const near = name === undefined ? undefined : nearest(name, names);
  const meant = near === undefined ? '' : ` (did you mean ${near}?)`;
  throw invalid('--service', name, `one of ${names.join(', ')}${meant}`);
}

function described(options: ExplainOptions): Described {
  const { from, to, dscp = 'be', protocol = 'tcp' } = options;
  const families = [from, to].flatMap((text) => (text === undefined ? [] : text.includes(':')));
  for (const [option, address] of [
    ['--from', from],
    ['--to', to],
  ] as const) {
    if (address !== undefined && bytesOf(address) === undefined) {
      throw invalid(option, address, 'an IP address');
    }
  }
  if (families.length === 2 && families[0] !== families[1]) {
    throw invalid('--to', to, 'an address of the same family as --from');
  }
  return {
    dscp: known('--dscp', dscp, parseDscp, 'ef, af11 to af43, cs0 to cs7, be, le, va or 0 to 63'),
    protocol: known('--protocol', protocol, parseProtocol, 'tcp, udp, icmp, ... or 0 to 255'),
    from,
    to,
    fromPort: portOf('--from-port', options.fromPort),
    toPort: portOf('--to-port', options.toPort),
    labels: Object.fromEntries((options.label ?? []).map(labelOf)),
    identity: options.identity && parseSpiffeId(options.identity, '--identity').text,
  };
}

function known(
  option: string,
  text: string,
  parse: (text: string) => number | undefined,
  want: string,
): number {
  const found = parse(text);
  if (found === undefined) throw invalid(option, text, want);
  return found;
}

function portOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const found = parsePorts(text);
  if (found?.from !== found?.to || found === undefined)
    throw invalid(option, text, 'a port such as 873');
  return found.from;
}

function labelOf(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw invalid('--label', text, 'a label such as app=sensor');
  return [text.slice(0, at), text.slice(at + 1)];
}

function sessionText(session: Described): string {
  const { dscp, protocol, from, to, fromPort, toPort, labels, identity } = session;
  const end = (way: string, address: string | undefined, port: number | undefined): string[] => {
    if (address === undefined && port === undefined) return [];
    const text = port === undefined ? '' : ` port ${String(port)}`;
    return [`${way} ${address ?? 'anywhere'}${text}`];
  };
  const said = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  const client = identity === undefined ? said : [...said, identity];
  return [
    `${protocolText(protocol)}, dscp ${dscpText(dscp)}`,
    ...end('from', from, fromPort),
    ...end('to', to, toPort),
    ...(client.length === 0 ? [] : [`client ${client.join(', ')}`]),
  ].join(', ');
}
