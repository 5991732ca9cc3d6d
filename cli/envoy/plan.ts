// SPDX-License-Identifier: Apache-2.0
/** Which clusters an Envoy gets for a policy, and which of them each http rule uses. */
import { isIPv6 } from 'node:net';
import { invalid } from '../../api/errors/wire-error.js';
import { bytesOf } from '../../api/site/address-bytes.js';
import { classOf } from '../../api/site/classes.js';
import { dscpText } from '../../api/site/traffic.js';
import type { HttpRule, SteeringPolicy } from '../../api/site/types.js';
import { dscpOf } from './dscp.js';
import {
  type AccessLog,
  accessLogOf,
  type EnvoyOptions,
  listenerOf,
  type Place,
  placeOf,
} from './options.js';
import { checkWires, classWires } from './wires.js';

/** How the sockets of a cluster are made. */
export interface Bind {
  readonly device?: string;
  readonly source?: string;
  readonly dscp?: number;
}

/** One cluster that leads to the service. */
export interface WireCluster {
  readonly name: string;
  readonly bind: Bind;
}

/** What rules lead to: clusters in order, each used while those before it cannot be. */
export interface Target {
  /** `SERVICE|CLASS`, and `|DSCP` where its rule has a mark; of the default one `SERVICE`. */
  readonly name: string;
  readonly wires: readonly WireCluster[];
}

/** An Envoy, understood. */
export interface Plan {
  readonly service: string;
  readonly upstream: Place;
  readonly listen: Place;
  readonly policy: SteeringPolicy;
  readonly targets: readonly Target[];
  /** Of what fits no rule: whatever the pod's own routes say. */
  readonly fallback: Target;
  readonly targetOf: (rule: HttpRule) => Target;
  readonly accessLogs: readonly AccessLog[];
  readonly admin: Place | undefined;
  readonly eventLog: string | undefined;
  readonly routesFile: string | undefined;
}

/** Throws where an option is wrong or a class has no wire. */
export function planOf(options: EnvoyOptions): Plan {
  const { service, policy, by = 'device' } = options;
  if (!/^(?=.{1,253}$)[a-z0-9]+([-.]+[a-z0-9]+)*$/.test(service)) {
    throw invalid('--service', service, 'a name of small letters, digits, dashes and dots');
  }
  const upstream = placeOf('--upstream', options.upstream);
  const binds = by === 'dscp' ? undefined : bindsOf(options, by);
  const known = new Map<string, Target>();
  const targetOf = (of: string, mark: number | undefined): Target => {
    const name = nameOf(service, of, mark);
    const target = known.get(name) ?? {
      name,
      wires:
        binds === undefined
          ? [{ name, bind: { dscp: dscpOf(policy, upstream, of, mark) } }]
          : chainOf({ service, policy, binds }, of, mark),
    };
    known.set(name, target);
    return target;
  };
  // A class that no rule uses now may be used by routes that come later.
  for (const of of binds?.keys() ?? []) targetOf(of, undefined);
  for (const rule of policy.httpRules) targetOf(rule.class, rule.mark);
  return {
    service,
    upstream,
    listen: listenerOf('--listen', options.listen ?? '127.0.0.1:15001'),
    policy,
    targets: [...known.values()],
    fallback: { name: service, wires: [{ name: service, bind: {} }] },
    targetOf: (rule) => targetOf(rule.class, rule.mark),
    accessLogs: (options.accessLogs ?? []).map(accessLogOf),
    admin: options.admin === undefined ? undefined : listenerOf('--admin', options.admin),
    eventLog: options.eventLog,
    routesFile: options.routesFile,
  };
}

/** Such as `httpbin|low-latency|ef`; without a class that of the pod's own routes. */
function nameOf(service: string, of: string, mark: number | undefined): string {
  const parts = mark === undefined ? [of] : [of, dscpText(mark)];
  return parts.join('') === '' ? service : [service, ...parts].join('|');
}

type Binds = ReadonlyMap<string, Bind>;

function bindsOf(options: EnvoyOptions, by: 'device' | 'source'): Binds {
  const { policy, networkServices, sources = {} } = options;
  if (networkServices === undefined) {
    const want =
      "the pod's wires, such as kernel://wan@cloud/nsm-1,kernel://wan-bulk@cloud/nsm-bulk";
    throw invalid('--network-services', undefined, want);
  }
  const wires = classWires(policy, networkServices);
  checkWires(policy, wires);
  return new Map(
    [...wires].map(([of, device]): [string, Bind] => {
      if (by === 'device') return [of, { device }];
      const source = sources[of];
      if (source === undefined || bytesOf(source) === undefined) {
        const want = `the address of ${device}: --source ${of}=ADDRESS`;
        throw invalid(`address of class ${of}`, source, want);
      }
      return [of, { source }];
    }),
  );
}

interface Known {
  readonly service: string;
  readonly policy: SteeringPolicy;
  readonly binds: Binds;
}

/** A class's own wire, those of its fallbacks, and unless it is strict whatever routes say. */
function chainOf(
  { service, policy, binds }: Known,
  of: string,
  mark: number | undefined,
): WireCluster[] {
  const { fallback, strict } = classOf(policy, of);
  const marked = mark === undefined ? {} : { dscp: mark };
  const wires = [of, ...fallback].flatMap((name): WireCluster[] => {
    const bind = binds.get(name);
    return bind === undefined
      ? []
      : [{ name: `${nameOf(service, name, mark)}|wire`, bind: { ...bind, ...marked } }];
  });
  if (strict) return wires;
  return [...wires, { name: nameOf(service, '', mark), bind: marked }];
}

/** Every cluster that leads to the service, each once. */
export function wireClusters({ targets, fallback }: Plan): readonly WireCluster[] {
  const all = [fallback, ...targets].flatMap(({ wires }) => wires);
  return [...new Map(all.map((one) => [one.name, one])).values()];
}

/** Whether a place is known to be of IPv6; of a name nobody knows before it is looked up. */
export function familyOf({ host, isAddress }: Place): 4 | 6 | undefined {
  if (!isAddress) return undefined;
  return isIPv6(host) ? 6 : 4;
}
