// SPDX-License-Identifier: Apache-2.0
/** Reads what {@link QualityReading} has: the maps, then the forwarder's word, or what it left. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { z } from 'zod';
import { WireError } from '../../api/errors/wire-error.js';
import type { Site } from '../../api/site/types.js';
import * as layout from '../../bpf/loader/layout.js';
import { addressBytes } from '../../forwarder/steering/strands.js';
import type { QualityAnswer } from '../../forwarder/operator/quality-answer.js';
import { meteredOf } from '../../forwarder/quality/strand-meters.js';
import { addUsage, noUsage, parseUsage, usageName } from '../../forwarder/quality/usage.js';
import { askOperator } from '../operator-client.js';
import { look } from './look.js';
import { index, type Maps } from './maps.js';
import { socketOf, type NodeChoice } from './node.js';
import type { QualityReading } from './quality.js';
import { classKey, type PlaneReading } from './read.js';
import type { Plane, PlaneStrand } from './types.js';

const figure = z.number().nullable();
const numbers = z.array(z.int());
const names = z.array(z.string());

/** What `GET /quality` answers. */
const answerSchema: z.ZodType<QualityAnswer> = z.looseObject({
  at: z.number(),
  prober: z.looseObject({ running: z.boolean(), pid: figure }),
  slas: z.array(
    z.looseObject({
      number: z.int(),
      rttMs: figure,
      jitterMs: figure,
      lossPercent: figure,
      classes: names,
    }),
  ),
  links: z.array(
    z.looseObject({
      name: z.string(),
      profile: z.enum(['fixed', 'lte', 'satellite']),
      metered: z.boolean(),
      rateMbps: figure,
      month: z.string(),
      txBytes: z.number(),
      rxBytes: z.number(),
      capBytes: figure,
    }),
  ),
  strands: z.array(
    z.looseObject({
      id: z.int(),
      name: z.string(),
      link: z.string(),
      peer: z.string(),
      state: z.enum(['unmeasured', 'up', 'degraded', 'down', 'held', 'returning']),
      since: z.number(),
      why: z.string(),
      rttMs: figure,
      jitterMs: figure,
      lossPercent: figure,
      lossOutPercent: figure,
      lossBackPercent: figure,
      tcp: z
        .looseObject({
          segments: z.int(),
          resentPercent: z.number(),
          rttMs: figure,
          rttMinMs: figure,
        })
        .nullable(),
      breaks: numbers,
      avoidedBy: numbers,
      heldUntil: figure,
      intervalMs: z.number(),
      mtu: z.int(),
      deviceMtu: z.int(),
      mtuProbed: z.boolean(),
      largeIntervalMs: z.number(),
    }),
  ),
});

/** How long a forwarder may take: one that stands still is read from the maps. */
const patienceMs = 1_000;

/** See the head of this file. `site` is that of the file, where one was given. */
export async function lookAtQuality(node: NodeChoice, site?: Site): Promise<QualityReading> {
  const tables = look(node, (maps, reading) => ({
    reading,
    prober: proberOf(maps, reading.plane),
    classes: classesBySla(maps, reading),
    atMs: performance.now(),
  }));
  const { plane } = tables.reading;
  const socket = socketOf(node, plane.node.operator);
  const asked = await ask({ name: node.name, socket });
  const wallMs = Date.now();
  if (asked.answer !== undefined) {
    const { prober } = asked.answer;
    return { ...tables, ...asked, prober, wallMs, usage: noUsage(), site };
  }
  const kept = parseUsage(await textAt(join(dirname(socket), usageName)));
  const usage = addUsage(kept, wallMs, plane.strands.map(metered));
  return { ...tables, ...asked, wallMs, usage, site };
}

async function ask(node: { readonly name: string; readonly socket: string }) {
  try {
    const question = { method: 'GET', path: '/quality', patienceMs } as const;
    return { answer: await askOperator(node, question, answerSchema), reason: null };
  } catch (reason) {
    const without = [status.UNAVAILABLE, status.PERMISSION_DENIED, status.NOT_FOUND];
    if (!(reason instanceof WireError) || !without.includes(reason.code)) throw reason;
    return { answer: undefined, reason: reason.message };
  }
}

async function textAt(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

function metered({ id, link, local, remote, counters, probes }: PlaneStrand) {
  const family = remote.includes(':') ? 6 : 4;
  const ends = { local: addressBytes(local), remote: addressBytes(remote) };
  return meteredOf({ id, link, ...ends, counted: { family, ...counters, ...probes } });
}

/** Whether it sends: the newest probe of a strand is no older than a few intervals. */
function proberOf(maps: Maps, { strands }: Plane): QualityAnswer['prober'] {
  const value = maps.map('control').lookup(index(0));
  const pid = value === undefined ? 0 : layout.control.decode(value).prober_pid;
  const probed = strands.filter(({ probes }) => probes.intervalMs > 0);
  const running = probed.some(({ probes: { sentAgoMs, intervalMs } }) => {
    return sentAgoMs !== null && sentAgoMs < Math.max(1_000, 5 * intervalMs);
  });
  return { running: running || (probed.length === 0 && pid !== 0), pid: pid === 0 ? null : pid };
}

/** The classes with each SLA number that a strand is kept from: reading them all takes long. */
function classesBySla(maps: Maps, { plane, names: texts }: PlaneReading) {
  const found = new Map<number, readonly string[]>();
  if (plane.strands.every(({ probes }) => probes.avoid >>> 1 === 0)) return found;
  for (const [key, value] of maps.map('classes').entries()) {
    const { bank, policy, class_id: id } = layout.classOf.decode(key);
    const sla = value.readUInt8(layout.classSlots.offsets.sla);
    if (sla === 0 || bank !== (plane.generation & 1)) continue;
    const row = layout.rulesetRow(bank, policy);
    const of = texts.get('ruleset', row)?.['policy'] ?? '';
    const name = `${of}/${texts.text('class', classKey(row, id))}`;
    const others = found.get(sla) ?? [];
    if (!others.includes(name)) found.set(sla, [...others, name]);
  }
  return found;
}
