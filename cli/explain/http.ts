// SPDX-License-Identifier: Apache-2.0
/** What an Envoy beside the client does with a request: the http rule, and the wire of its class. Pure. */
import { invalid } from '../../api/errors/wire-error.js';
import { classOf, pinnedService } from '../../api/site/classes.js';
import { httpRuleOf, type HttpRequest } from '../../api/site/http-match.js';
import type { SteeringPolicy } from '../../api/site/types.js';
import type { PlaneWire } from '../plane/types.js';
import { httpText } from '../policy/words.js';

/** As the command line has it. */
export interface HttpOptions {
  readonly header?: readonly string[];
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
}

/** What Envoy does, as far as a policy says it. */
export interface HttpAnswer {
  readonly request: HttpRequest;
  /** null: none fits, so the default cluster. */
  readonly rule: string | null;
  /** What the rule asks for; empty where none fits. */
  readonly match: string;
  /** null: that of the packet's own rule. */
  readonly class: string | null;
  /** DSCP that Envoy sets; null where the rule says none. */
  readonly mark: number | null;
  /** What a class of links without any wire of the client comes to. */
  readonly otherwise: 'default' | 'refused' | null;
  /** The client's wire that Envoy's connection is bound to; null: none, so its routes decide. */
  readonly wire: (Pick<PlaneWire, 'id' | 'interface'> & { readonly class: string }) | null;
}

/** The request that the options describe; nothing where they describe none. */
export function requestOf(options: HttpOptions): HttpRequest | undefined {
  const { header = [], method, path, host } = options;
  if (header.length === 0 && [method, path, host].every((one) => one === undefined)) {
    return undefined;
  }
  const headers: Record<string, string> = {};
  for (const text of header) {
    const [, name, value = ''] = /^([^\s=:]+)[=:] ?(.*)$/s.exec(text) ?? [];
    if (name === undefined) throw invalid('--header', text, 'a header such as user=boss');
    const key = name.toLowerCase();
    // As Envoy sees one that was sent twice.
    headers[key] = Object.hasOwn(headers, key) ? `${headers[key] ?? ''},${value}` : value;
  }
  return { headers, method: method ?? 'GET', path: path ?? '/', host: host ?? '' };
}

/** What becomes of it at the client of a wire. */
export function httpAnswerOf(
  policy: SteeringPolicy,
  request: HttpRequest,
  own: PlaneWire,
  wires: readonly PlaneWire[],
): HttpAnswer {
  const rule = httpRuleOf(policy, request);
  if (rule === undefined) {
    return { request, rule: null, match: '', class: null, mark: null, otherwise: null, wire: null };
  }
  const { fallback, strict } = classOf(policy, rule.class);
  const [wire = null] = [rule.class, ...fallback].flatMap((of) => {
    const service = pinnedService(own.service, of);
    const found = wires.find(
      (one) => one.service === service && one.client === own.client && one.leader === own.leader,
    );
    return found === undefined ? [] : [{ id: found.id, interface: found.interface, class: of }];
  });
  return {
    request,
    rule: rule.name,
    match: httpText(rule.match),
    class: rule.class,
    mark: rule.mark ?? null,
    otherwise: wire === null ? (strict ? 'refused' : 'default') : null,
    wire,
  };
}
