// SPDX-License-Identifier: Apache-2.0
/**
 * The demo of boss and minion, act by act: a request's header decides its WAN link, through a real
 * Envoy; the better link becomes a black hole and is restored under load, the policy is swapped, and
 * at last the link loses some of its packets. Each act rejects when what it shows is not so.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answered } from '../../../lab/http/types.js';
import type { Counts } from '../../audit/types.js';
import { resetsOf } from '../sums.js';
import { secured } from '../identity.js';
import type { Screen } from '../screen.js';
import { links, server } from '../sites.js';
import { protocols, type Cast, type Load } from './cast.js';
import {
  after,
  before,
  linkOf,
  meshEdge,
  others,
  shapes,
  sla,
  wishes,
  type MeshRules,
} from './files.js';
import { Live, type Terminal } from './live.js';
import type { Told } from './told.js';
import { judge, milliseconds, showTally, sum } from './tables.js';
import { tally, type Phase, type Tally } from './tally.js';
import { verdictOf } from './verdict.js';
import { allOn, either, nowMs, rightAfter, rightBefore, Timeline, users } from './timeline.js';

/** What the acts work with. */
export interface Stage {
  readonly cast: Cast;
  readonly load: Load;
  readonly told: Told;
  /** How long each act looks. */
  readonly seconds: number;
  readonly signal: AbortSignal;
  /** Whether it may draw on a terminal. */
  readonly live: Terminal | undefined;
}

/** What the acts saw. */
export interface Seen {
  readonly timeline: Timeline;
  /** By phase, in order, as far as the witness and the app tell now. */
  readonly tallies: ReadonlyMap<string, readonly Tally[]>;
  readonly resets: number;
}

/** From when the newest requests are where they are to be until all are. */
const settleMs = 1_000;
/** A busy machine takes its time; who is elsewhere then is told of. */
const patienceMs = 20_000;
const lookMs = 50;
/** What the witness has not told of a request that is answered. */
const witnessMs = 400;

const cutLink = `edge/${links[0].device}`;

/** Tell the whole story; rejects at the first thing that is not as it should be. */
export async function story(stage: Stage): Promise<Seen> {
  const { cast } = stage;
  const resetsBefore = await resetsOf(cast.sites);
  const timeline = new Timeline();
  await steady(stage, timeline);
  await cut(stage, timeline);
  await restore(stage, timeline);
  await swap(stage, timeline);
  await brownout(stage, timeline);
  const resets = (await resetsOf(cast.sites)) - resetsBefore;
  return sums(stage, timeline, resets);
}

/** Who is on stage. */
export function introduce({ screen }: Told): void {
  screen.title('wanwire: boss and minion, each on a WAN link of his own');
  screen.row('client', `wires ${wishes.replaceAll('kernel://', '').replaceAll(',', '  ')}`);
  screen.row('Envoy', 'beside the app, as nobody and without a capability');
  screen.row(
    'links',
    ...links.map(
      ({ name, device, class: own }) =>
        `${name.padEnd(5)} (${device})  ${own.padEnd(11)}  ${shapes[name].delay} each way, ${shapes[name].rate}`,
    ),
  );
  policyRows(screen, before);
  screen.row('service', `${server}:8000 behind the cloud: HTTP/1.1, HTTP/2 and gRPC`);
  screen.row('witness', 'reads the requests’ numbers in the packets at both links');
  screen.row('security', secured, 'tunnels are plaintext, on links that are trusted');
}

async function steady(stage: Stage, timeline: Timeline): Promise<void> {
  timeline.changing('start', either(rightBefore, rightBefore));
  await settle(stage, rightBefore);
  timeline.settled('steady', rightBefore);
  stage.told.screen.title('1  Each on his link');
  await look(stage, timeline, 'steady');
}

async function cut(stage: Stage, timeline: Timeline): Promise<void> {
  const { told, cast } = stage;
  told.screen.title('2  Cut the low-latency link under load: a black hole, and no carrier tells');
  told.screen.row('command', `wanwire lab set ${cutLink} --loss 100%`);
  timeline.changing('cutting', either(rightBefore, allOn('lte')), 'cut');
  await cast.sites.lab.set(cutLink, { loss: '100%' });
  await decided(stage, ['down']);
  await settle(stage, allOn('lte'));
  timeline.settled('cut', allOn('lte'));
  await look(stage, timeline, 'cut', 'cutting');
}

async function restore(stage: Stage, timeline: Timeline): Promise<void> {
  const { told, cast } = stage;
  told.screen.title('3  Restore it');
  told.screen.row('command', `wanwire lab set ${cutLink} --loss none`);
  timeline.changing('restoring', either(rightBefore, allOn('lte')), 'restored');
  await cast.sites.lab.set(cutLink, { loss: 'none' });
  await decided(stage, ['returning', 'up']);
  await settle(stage, rightBefore);
  timeline.settled('restored', rightBefore);
  await look(stage, timeline, 'restored', 'restoring');
}

async function swap(stage: Stage, timeline: Timeline): Promise<void> {
  const { told, cast } = stage;
  told.screen.title('4  Swap the policy under load: minion becomes boss');
  policyRows(told.screen, after);
  timeline.changing('swapping', either(rightBefore, rightAfter), 'swapped');
  await cast.sites.write('edge', meshEdge(after));
  await cast.follow();
  await settle(stage, rightAfter);
  timeline.settled('swapped', rightAfter);
  await look(stage, timeline, 'swapped', 'swapping');
}

async function brownout(stage: Stage, timeline: Timeline): Promise<void> {
  const { told, cast } = stage;
  told.screen.title('5  Brown out: the low-latency link answers, and loses packets');
  told.screen.row('policy', `class low-latency  sla ${sla}`);
  told.screen.row('command', `wanwire lab set ${cutLink} --loss 5%`);
  timeline.changing('browning', either(rightAfter, allOn('lte')), 'brownout');
  await cast.sites.lab.set(cutLink, { loss: '5%' });
  await decided(stage, ['degraded']);
  await settle(stage, allOn('lte'));
  timeline.settled('brownout', allOn('lte'));
  await look(stage, timeline, 'brownout', 'browning');
  await cast.sites.lab.set(cutLink, { loss: 'none' });
}

/** Wait for the forwarder's decision, and tell it. */
async function decided({ told, cast, signal }: Stage, states: readonly string[]): Promise<void> {
  const { tookMs, state, why } = await verdictOf(cast.sites, links[0].name, states, signal);
  told.screen.row('decision', `${milliseconds(tookMs)}: ${links[0].name} ${state}: ${why}`);
}

/** Wait until the newest answer to each user by each protocol came by the links that it may use, and a moment more. */
async function settle({ load, signal }: Stage, may: Phase['may']): Promise<void> {
  const fromMs = nowMs();
  const linksOf = ({ user, number }: Answered): readonly string[] =>
    Object.keys(load.sights).filter((link) => load.sights[link]?.(user, number));
  const areThere = (): boolean =>
    users.every((user) =>
      protocols.every((protocol) => {
        // The witness tells of a request a little later than the app.
        const newest = load.answered.findLast(
          (one) =>
            one.user === user &&
            one.protocol === protocol &&
            one.atMs > fromMs &&
            linksOf(one).length > 0,
        );
        return newest !== undefined && linksOf(newest).every((link) => may[user]?.includes(link));
      }),
    );
  while (!areThere() && nowMs() < fromMs + patienceMs) await sleep(lookMs, undefined, { signal });
  await sleep(settleMs, undefined, { signal });
}

/** Look on for a while, and tell what became of the requests of this phase, and of those that met the change before it. */
async function look(
  stage: Stage,
  timeline: Timeline,
  name: string,
  change?: string,
): Promise<void> {
  const { load, told, seconds, signal } = stage;
  {
    using _live = new Live(stage.live, load.answered, load.sights);
    await Promise.race([
      sleep(seconds * 1_000, undefined, { signal }),
      load.broken(),
      stage.cast.broken(),
    ]);
  }
  const endMs = nowMs();
  await sleep(witnessMs);
  const ended = load.answered.filter(({ atMs, tookMs }) => atMs + tookMs < endMs);
  const { phases } = timeline;
  const of = (phase: string): readonly Tally[] =>
    tally(ended, load.sights, timeline.phase(phase), phases);
  if (change !== undefined) {
    const met = of(change);
    const longest = met.map((one) => `${one.user} ${milliseconds(one.longestMs)}`);
    told.screen.row('meanwhile', `longest answer: ${longest.join(', ')}`);
    told.tallies(change, met);
    judge(change, met);
  }
  const own = of(name);
  showTally(told.screen, own);
  told.tallies(name, own);
  judge(name, own);
}

/** End the load, and add everything up once more. */
async function sums(stage: Stage, timeline: Timeline, resets: number): Promise<Seen> {
  const { cast, load, told } = stage;
  await load.finish();
  const { phases } = timeline;
  const audit = await cast.auditor.report();
  const tallies = new Map(
    phases.map((phase) => [phase.name, tally(load.answered, load.sights, phase, phases)]),
  );
  const all = [...tallies.values()].flat();
  told.screen.title('6  The sum');
  const wrong = sum(all, 'wrong');
  told.screen.row(
    'requests',
    `${String(sum(all, 'requests'))}, failed ${String(sum(all, 'failed'))}`,
  );
  told.screen.row(
    'wrong link',
    `${String(wrong)} by the witness at the links`,
    `${String(audit.total.wrong)} by \`wanwire audit\`: ${countsText(audit.total)}`,
  );
  told.screen.row('resets', String(resets));
  told.sum({
    requests: sum(all, 'requests'),
    failed: sum(all, 'failed'),
    wrongByWitness: wrong,
    wrongByAudit: audit.total.wrong,
    resets,
  });
  for (const [phase, own] of tallies)
    judge(
      phase,
      own.filter((one) => one.requests > 0),
    );
  const finding = audit.findings.find(({ kind }) => kind === 'wrong');
  if (finding !== undefined) {
    const { rule, links: on, reason } = finding;
    throw new Error(`the audit finds rule ${rule ?? 'default'} on ${on.join(', ')}: ${reason}`);
  }
  if (resets > 0) throw new Error(`${String(resets)} TCP resets`);
  return { timeline, tallies, resets };
}

function countsText({ requests, right, fallback, unknown }: Counts): string {
  const parts = [
    `${String(requests)} logged`,
    `${String(right)} right`,
    `${String(fallback)} by the fallback`,
    ...(unknown > 0 ? [`${String(unknown)} not known`] : []),
  ];
  return parts.join(', ');
}

function policyRows(screen: Screen, { boss, minion }: MeshRules): void {
  const told = (user: string, own: MeshRules['boss']): string =>
    `${user.padEnd(12)} > ${own} (${linkOf(own)})`;
  screen.row(
    'policy',
    told('user: boss', boss),
    told('user: minion', minion),
    told('all others', others),
  );
}
