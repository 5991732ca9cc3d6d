// SPDX-License-Identifier: Apache-2.0
/** `wanwire explain`, step by step: who is asked, which wire it is, what both answers are. */
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { WireError } from '../../api/errors/wire-error.js';
import type { SteeringPolicy } from '../../api/site/types.js';
import { attachments, type Attached } from '../../bpf/loader/attach.js';
import { rulesetRow } from '../../bpf/loader/layout.js';
import type { Steered } from '../../forwarder/operator/operator.js';
import { parseFlow } from '../../forwarder/operator/flow.js';
import { look } from '../plane/look.js';
import type { Maps } from '../plane/maps.js';
import type { NodeChoice } from '../plane/node.js';
import type { PlaneReading } from '../plane/read.js';
import { sessionKey } from '../plane/sessions.js';
import type { PlaneWire } from '../plane/types.js';
import { labelText } from '../table.js';
import { explanationOf, type Explanation } from './explanation.js';
import { frameOf } from './frame.js';
import { httpAnswerOf, type HttpAnswer } from './http.js';
import { inForce, type InForce } from './in-force.js';
import type { Packet } from './packet.js';
import { ruleByPolicy } from './rule.js';
import { stateOf } from './state.js';
import { runLoaded } from './live.js';
import { ruleByTables } from './tables.js';
import { tryPacket, type Verdict } from './twin.js';
import { hasAddress, wireOf, type WireWish } from './wires.js';
import type { HttpRequest } from '../../api/site/http-match.js';

/** What is to be explained. */
export interface Question {
  readonly packet: Packet;
  readonly wish: WireWish;
  /** What Envoy is asked for, where an Envoy sends the packet. */
  readonly request: HttpRequest | undefined;
  /** Run the loaded program itself, not its twin. */
  readonly live: boolean;
}

/** The JSON of `wanwire explain`. */
export interface Explained extends Explanation {
  /** null where nothing was asked of http. */
  readonly http: HttpAnswer | null;
}

/** Tables may change between the two answers: only what differs again and again is a difference. */
const tries = 4;

/** Explain it. */
export async function explain(node: NodeChoice, question: Question): Promise<Explained> {
  for (let left = tries; ; left--) {
    const self = look(node, (_maps, { plane }) => plane.node);
    const told = await inForce(node, self);
    const attached = await attachments(join(node.directory, 'links'));
    const found = look(node, (maps, reading) =>
      once({ maps, reading, node, told, attached }, question),
    );
    const stale = found.differences.length > 0 || told.steered?.generation !== found.generation;
    if (left === 1 || !stale || told.steered === undefined) return found;
  }
}

interface Sight {
  readonly maps: Maps;
  readonly reading: PlaneReading;
  readonly node: NodeChoice;
  readonly told: InForce;
  readonly attached: readonly Attached[];
}

function once(sight: Sight, question: Question): Explained {
  const { reading, told, maps } = sight;
  const { wires, generation } = reading.plane;
  const { steered } = told;
  const own = wireOf(wires, steered?.wires, question.wish, question.packet);
  const http = httpOf(sight, own, question.request);
  const taken = wires.find(({ id }) => id === http?.wire?.id) ?? own;
  const packet = from(marked(question.packet, http), own, taken, steered);
  const state = stateOf(maps, taken.number, generation, packet);
  const row = { generation, policy: state.wire.policy, wire: taken.number };
  const policy = policyOf(sight, state.wire.policy);
  const { labels = {}, identity } = steered?.wires.find(({ id }) => id === taken.id) ?? {};
  const byTables = ruleByTables(maps, reading.names, row, packet);
  const rules = policy && byTables ? ruleByPolicy(policy, packet, labels, identity) : byTables;
  const { verdict, why } = programSays(sight, taken, packet, state.wire.port, question.live);
  const notes = [
    ...notesOf(sight, { ...question, packet }, taken, policy === undefined),
    ...(packet.text === question.packet.text ? [] : [`Envoy sends it from ${packet.text.source}.`]),
    ...(why === undefined ? [] : [why]),
  ];
  const parts = { reading, wire: taken, packet, state, rules, policy, verdict, notes };
  return { ...explanationOf(parts), http: http ?? null };
}

function httpOf(
  { told, reading }: Sight,
  own: PlaneWire,
  request: HttpRequest | undefined,
): HttpAnswer | undefined {
  if (request === undefined) return undefined;
  if (told.steered === undefined) {
    const text = `rules for http are not in the tables, and ${told.untold}`;
    throw new WireError(status.UNAVAILABLE, text);
  }
  const policy = told.steered.services.find(({ service }) => service === own.service)?.policy;
  if (policy === undefined) {
    throw new WireError(status.NOT_FOUND, `no policy is for the service ${own.service}`);
  }
  return httpAnswerOf(policy, request, own, reading.plane.wires);
}

/** The policy's text, where it is that of the tables. */
function policyOf({ told, reading }: Sight, place: number): SteeringPolicy | undefined {
  const row = rulesetRow(reading.plane.generation & 1, place);
  const { service = '', policy: name = '' } = reading.names.get('ruleset', row) ?? {};
  const found = told.steered?.services.find((one) => one.service === service)?.policy;
  return found?.name === name ? found : undefined;
}

/** With the DSCP that Envoy sets. */
function marked(packet: Packet, http: HttpAnswer | undefined): Packet {
  return http?.mark == null ? packet : { ...packet, dscp: http.mark };
}

/** The same packet as the class's wire has it: from that interface's address. */
function from(packet: Packet, own: PlaneWire, taken: PlaneWire, steered?: Steered): Packet {
  if (own.id === taken.id) return packet;
  const addressesOf = (id: string): readonly string[] =>
    (steered?.wires.find((one) => one.id === id)?.addresses ?? []).map(
      (one) => one.split('/')[0] ?? '',
    );
  const six = packet.family === 6;
  const address = addressesOf(taken.id).find((one) => one.includes(':') === six);
  const port = /:(\d+)$/.exec(packet.text.source)?.[0] ?? '';
  if (address === undefined) return packet;
  const text = { ...packet.text, source: `${six && port ? `[${address}]` : address}${port}` };
  return { ...packet, text, flow: parseFlow(text) };
}

function programSays(
  { attached, node, maps }: Sight,
  { number }: PlaneWire,
  packet: Packet,
  port: number,
  live: boolean,
): { readonly verdict?: Verdict; readonly why?: string } {
  const there = attached.find(
    ({ ifindex, hook, program }) => ifindex === port && hook === 'ingress' && program !== undefined,
  );
  if (there?.program === undefined) {
    const what = `no program of ours is seen at the wire's host end (interface ${String(port)})`;
    return { why: `The program is not asked: ${what}.` };
  }
  const at = sessionKey(number, packet.flow);
  const cached = maps.map(at.map).lookup(at.key);
  const { directory } = node;
  const frame = frameOf(packet);
  const trial = { directory, attached: there.program, port, wire: number, at, cached, frame };
  try {
    return { verdict: live ? runLoaded(trial) : tryPacket(trial) };
  } catch (reason) {
    if (!(reason instanceof WireError) || reason.code !== status.FAILED_PRECONDITION) throw reason;
    return { why: `The program is not asked: ${reason.message}.` };
  }
}

function notesOf(
  { told }: Sight,
  { packet }: Question,
  wire: PlaneWire,
  noText: boolean,
): readonly string[] {
  const client = told.steered?.wires.find(({ id }) => id === wire.id);
  const others = Object.entries(packet.labels).filter(
    ([name, value]) => client?.labels[name] !== value,
  );
  return [
    ...(packet.assumedPort === undefined
      ? []
      : [
          `No source port is given: ${String(packet.assumedPort)} stands for any; another may get another strand of its level.`,
        ]),
    ...(others.length === 0
      ? []
      : [
          `The client's labels are ${labelText(client?.labels ?? {})}: ${labelText(Object.fromEntries(others))} is not looked at.`,
        ]),
    ...(client === undefined || hasAddress(wire, client, packet)
      ? []
      : [
          `The client of this wire has ${client.addresses.join(' and ') || 'no address'}: the packet is of somebody behind it, or of another wire.`,
        ]),
    ...(wire.leader ? [] : ['This side follows: the other one leads, and chooses the strand.']),
    ...(told.untold === null
      ? noText
        ? ["The policy's text is not that of the tables: rules are read from the tables."]
        : []
      : [`Rules are read from the tables, which do not say what they ask for: ${told.untold}.`]),
  ];
}
