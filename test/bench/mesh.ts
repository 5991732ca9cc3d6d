// SPDX-License-Identifier: Apache-2.0
/**
 * A request's header decides its WAN link, through a real Envoy: requests on the wrong link, requests
 * that fail while a link is cut, and what the way over a class's wire takes, against a plain route and
 * against a plain cluster, in one lab on plain links.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { App } from '../../lab/http/app.js';
import type { Answered, Protocol } from '../../lab/http/types.js';
import { entry, Mesh } from '../stage/mesh.js';
import { addedTime } from './mesh/added-time.js';
import type { Report } from './report.js';

const users = ['boss', 'minion', 'clerk', 'guest'] as const;
const protocols: readonly Protocol[] = ['http1', 'http2', 'grpc'];
/** Of each protocol. */
const requests = 10_000;
const atATime = 4;

/** The benchmark. */
export async function mesh(report: Report, share = 1): Promise<void> {
  await using stage = await Mesh.open();
  const count = Math.ceil((requests * share) / users.length);
  let first = 1;
  for (const protocol of protocols) {
    await wrongLinks(report, stage, { protocol, count, first });
    first += count;
  }
  for (const protocol of protocols) {
    await cutLink(report, stage, { protocol, count, first });
    first += count;
  }
  await addedTime(report, stage, share);
}

interface Row {
  readonly protocol: Protocol;
  /** Of each user. */
  readonly count: number;
  readonly first: number;
}

function appOf({ sites }: Mesh, { protocol, count, first }: Row): Promise<App> {
  const loads = users.map((user) => ({ user, protocol, count, atATime }));
  return App.start(sites.pod, { target: entry, loads, first });
}

async function wrongLinks(report: Report, stage: Mesh, row: Row): Promise<void> {
  const witnesses = await stage.witnesses();
  await using app = await appOf(stage, row);
  const answered = await app.finished();
  await witnesses.stop();
  const figure = `wrong_link_requests_${row.protocol}`;
  report.add({ figure, unit: 'requests', ours: [witnesses.astray(answered).length] });
  report.note(`${String(answered.length)} requests${reasonsOf(answered)}`);
}

/** The link of the boss is cut after a third of the requests, and back after two. */
async function cutLink(report: Report, stage: Mesh, row: Row): Promise<void> {
  const { lab } = stage.sites;
  await using app = await appOf(stage, row);
  const sent = async (part: number): Promise<void> => {
    while (app.answered.length < part * users.length * row.count && !app.isOver) await sleep(5);
  };
  await sent(1 / 3);
  await lab.set('edge/wan0', { down: true });
  await sent(2 / 3);
  await lab.set('edge/wan0', { up: true });
  const answered = await app.finished();
  const failed = answered.filter(({ error }) => error !== undefined);
  const figure = `failed_requests_${row.protocol}`;
  report.add({ figure, unit: 'requests', ours: [failed.length] });
  const longest = Math.max(...answered.map(({ tookMs }) => tookMs));
  report.note(
    `${String(answered.length)} requests, the longest took ${longest.toFixed(0)} ms${reasonsOf(answered)}`,
  );
  // Sessions that had left the link are back on it.
  await sleep(1_000);
}

function reasonsOf(answered: readonly Answered[]): string {
  const reasons = new Set(answered.flatMap(({ error }) => error ?? []));
  return reasons.size === 0 ? '' : `; failed with: ${[...reasons].join(', ')}`;
}
