// SPDX-License-Identifier: Apache-2.0
/**
 * 100,000 packets through `wire_tx`: for each the rule, the class, the mark and
 * the strand are those that the model reads from the policy.
 */
import t from 'tap';
import { addressText } from '../../api/site/address-bytes.js';
import type { SiteLink, SteeringPolicy } from '../../api/site/types.js';
import { defaultRule, flow, flow4, noMark, session } from '../../bpf/loader/layout.js';
import { compile } from '../../forwarder/steering/compile.js';
import { slotsOf } from '../../forwarder/steering/slots.js';
import {
  below,
  labelSets,
  pick,
  type Random,
  randomPacket,
  randomPolicy,
  seeded,
} from './model-random.js';
import { classify, type ModelPacket } from './model.js';
import { icmp, ip, type IpOptions, protocols, tcp, udp } from './packets.js';
import { TestPlane } from './plane.js';

const wire = 7;
const classes = ['a', 'b', 'c', 'd'];

/** One link of each class; the strand's number is the class's place, from 1. */
const strands = classes.map((name, at) => {
  const link: SiteLink = {
    name,
    device: name,
    addresses: [],
    gateways: [],
    network: 'internet',
    class: name,
    rateMbps: undefined,
    capGB: undefined,
    profile: 'fixed',
    quality: undefined,
    billing: 'flat',
    mtu: undefined,
    trusted: true,
  };
  return { id: at + 1, link };
});

/** A frame, the session that it belongs to, and what a policy can know of it. */
interface Sample {
  readonly frame: Buffer;
  readonly key: Buffer;
  readonly family: 4 | 6;
  readonly packet: ModelPacket;
}

interface Ports {
  readonly source: number;
  readonly destination: number;
}

const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);

/** L4's header, and the ports or the id that the session has of it. */
function l4(random: Random, { protocol, ports }: ModelPacket, family: 4 | 6) {
  if (ports !== undefined) {
    const header = protocol === protocols.udp ? udp : tcp;
    return { payload: header(ports.source, ports.destination), ports };
  }
  if (protocol === (family === 4 ? protocols.icmp : protocols.icmp6)) {
    const echo = family === 4 ? 8 : 128;
    const type = random() < 0.7 ? echo : family === 4 ? 3 : 1;
    const id = below(random, 65536);
    return {
      payload: icmp(type, id),
      ports: type === echo ? { source: id, destination: id } : undefined,
    };
  }
  return { payload: Buffer.alloc(16), ports: undefined };
}

function sessionKey(
  { source, destination, protocol }: ModelPacket,
  ports: Ports | undefined,
): Buffer {
  const rest = {
    wire,
    source,
    destination,
    source_port: u16(ports?.source ?? 0),
    destination_port: u16(ports?.destination ?? 0),
    protocol,
  };
  return source.length === 4 ? flow4.encode(rest) : flow.encode(rest);
}

/** Headers that packets may also have and that change nothing. */
function oddities(random: Random, family: 4 | 6): Partial<IpOptions> {
  const ecn = below(random, 4);
  if (random() < 0.9) return { ecn };
  if (family === 4) return { ecn, options: Buffer.alloc(4 * (1 + below(random, 10)), 1) };
  const type = pick(random, [protocols.hopByHop, protocols.destination, protocols.routing]);
  return { ecn, before: [{ type, rest: Buffer.alloc(7) }] };
}

let fragmentId = 0;

/** A packet whole, or as a first fragment and another, or as another alone. */
function samples(random: Random, packet: ModelPacket): readonly Sample[] {
  const family = packet.source.length === 4 ? 4 : 6;
  const { payload, ports } = l4(random, packet, family);
  const options: IpOptions = {
    ...oddities(random, family),
    source: addressText(packet.source),
    destination: addressText(packet.destination),
    protocol: packet.protocol,
    dscp: packet.dscp,
  };
  const whole = { key: sessionKey(packet, ports), family, packet } as const;
  const kind = random();
  if (kind < 0.85) return [{ ...whole, frame: ip(options, payload) }];
  const id = ++fragmentId & 0xffff;
  const later = ip({ ...options, id, offset: 3 }, Buffer.alloc(8, 0xa5));
  if (kind < 0.95) {
    const first = ip(
      { ...options, id, offset: 0, more: true },
      Buffer.concat([payload, Buffer.alloc(4)]),
    );
    return [
      { ...whole, frame: first },
      { ...whole, frame: later },
    ];
  }
  const alone: ModelPacket = { ...packet, ports: undefined };
  return [{ frame: later, key: sessionKey(alone, undefined), family, packet: alone }];
}

interface Batch {
  readonly policy: SteeringPolicy;
  readonly labels: Readonly<Record<string, string>>;
}

/** What of a sample is not as the model says; nothing if all is. */
function compare(plane: TestPlane, sample: Sample, { policy, labels }: Batch) {
  const { frame, key, family, packet } = sample;
  const verdict = classify(policy, packet, labels);
  const at = policy.rules.findIndex(({ name }) => name === verdict.rule);
  const wanted = {
    verdict: 'redirect',
    rule: at < 0 ? defaultRule : at,
    class: verdict.class,
    mark: policy.rules[at]?.mark ?? noMark,
    strand: classes.indexOf(verdict.class) + 1,
  };
  const sessions = plane.map(`sessions${String(family)}`);
  const sent = plane.send(frame);
  const value = sessions.lookup(key);
  // Each packet is decided by itself, not by what one of the same session was.
  sessions.delete(key);
  const cached = value && session.decode(value);
  const found = {
    verdict: sent,
    rule: cached?.rule,
    class: classes[cached?.class_id ?? -1],
    mark: cached?.mark,
    strand: cached?.strand,
  };
  const same = JSON.stringify(found) === JSON.stringify(wanted);
  return { rule: at, wrong: same ? undefined : { packet, labels, found, wanted } };
}

t.test('the program says of 100,000 packets what the model does', { timeout: 600_000 }, (t) => {
  const plane = TestPlane.open(t);
  for (const { id } of strands) plane.setStrand(id);
  plane.setWire(wire);
  const wrong: unknown[] = [];
  const protocolsSeen = new Set<string>();
  let all = 0;
  let byRule = 0;
  let byLaterRule = 0;
  for (let seed = 1; all < 100_000; seed++) {
    const random = seeded(seed);
    const policy = randomPolicy(random, pick(random, [1, 5, 20, 64, 65, 200, 200, 1023, 1023]));
    const compiled = compile(policy);
    t.strictSame(compiled.classNames, classes);
    const slots = compiled.classNames.map((name) => slotsOf(name, policy, strands));
    const labels = pick(random, labelSets);
    plane.apply({ compiled, slots }, labels);
    for (let packets = 0; packets < 2000; packets++) {
      for (const sample of samples(random, randomPacket(random, policy))) {
        const { rule, wrong: one } = compare(plane, sample, { policy, labels });
        all++;
        if (rule >= 0) byRule++;
        if (rule >= 64) byLaterRule++;
        if (one !== undefined) wrong.push({ seed, ...one });
        protocolsSeen.add(`${String(sample.family)}:${String(sample.packet.protocol)}`);
      }
    }
  }
  t.equal(wrong.length, 0, 'none differs');
  t.strictSame(wrong.slice(0, 5), []);
  t.ok(byRule >= all / 2, `${String(byRule)} of ${String(all)} reach a rule`);
  t.ok(byLaterRule >= all / 10, `${String(byLaterRule)} one that is not among the first 64`);
  t.ok(protocolsSeen.size >= 12, 'of both families: tcp, udp, sctp, icmp, icmpv6, gre');
  t.strictSame(plane.drops(), {}, 'nothing is dropped');
  t.end();
});
