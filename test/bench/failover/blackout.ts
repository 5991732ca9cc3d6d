// SPDX-License-Identifier: Apache-2.0
/**
 * A link turns into a black hole, both ways or one way, at any moment between two probes:
 * how long an application hears nothing. Each trial cuts the link that the streams are on,
 * and the one before is whole again by then.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { HeardBoth } from '../../../lab/metronome.js';
import { resets } from '../../../cli/demo/traffic.js';
import { until } from '../../stage/up.js';
import { Wan, type Way } from '../../stage/wan.js';
import { quantile, type Report } from '../report.js';

const ways: readonly Way[] = ['both', 'out', 'back'];
/** Longer than any stall that TCP gets over. */
const watchedMs = 1_500;
const quietMs = 500;

/** What one trial came to. */
interface Trial {
  readonly way: Way;
  /** Of the stream of datagrams, in the direction that heard nothing for longer. */
  readonly udpMs: number;
  readonly tcpMs: number;
  /** The longest gap while nothing was wrong. */
  readonly quietMs: number;
}

/** `blackout_p50_ms`, `blackout_p99_ms`, `tcp_stall_p99_ms`, `resets`. */
export async function blackout(report: Report, trials: number): Promise<void> {
  await using pair = await Wan.open();
  await using udp = await pair.stream(0);
  await using tcp = await pair.stream(0, 'tcp');
  const ends = [pair.sites.pod, pair.sites.lab.place('cloud/server')];
  const counted = async (): Promise<number> => {
    const [one = NaN, other = NaN] = await Promise.all(ends.map((place) => resets(place)));
    return one + other;
  };
  const before = await counted();
  const all: Trial[] = [];
  for (let n = 0; n < trials; n++) {
    const way = ways[n % ways.length] ?? 'both';
    const link = await settled(pair);
    await Promise.all([udp.look(), tcp.look()]);
    await sleep(quietMs + Math.random() * 100);
    const quiet = longest(await udp.look());
    await tcp.look();
    await pair.cut(link, way);
    await sleep(watchedMs);
    const [heard, stream] = await Promise.all([udp.look(), tcp.look()]);
    await pair.mend(link);
    const broken = stream.out.error + stream.back.error;
    if (broken !== '') throw new Error(`trial ${String(n)}: the TCP stream broke: ${broken}`);
    all.push({ way, udpMs: longest(heard), tcpMs: longest(stream), quietMs: quiet });
  }
  const of = (values: readonly number[], share: number): number[] => [quantile(values, share)];
  const udpMs = all.map((one) => one.udpMs);
  const tcpMs = all.map((one) => one.tcpMs);
  report.add({ figure: 'blackout_p50_ms', unit: 'ms', ours: of(udpMs, 0.5) });
  report.add({ figure: 'blackout_p99_ms', unit: 'ms', ours: of(udpMs, 0.99) });
  for (const way of ways) {
    const own = all.filter((one) => one.way === way).map((one) => one.udpMs.toFixed(0));
    report.note(`black hole ${way}: ${own.join(' ')} ms`);
  }
  const quiet = all.map((one) => one.quietMs);
  report.note(
    `longest gap while nothing is wrong: p50 ${quantile(quiet, 0.5).toFixed(1)}, p99 ${quantile(quiet, 0.99).toFixed(1)} ms`,
  );
  report.add({ figure: 'tcp_stall_p99_ms', unit: 'ms', ours: of(tcpMs, 0.99) });
  report.note(`TCP: p50 ${quantile(tcpMs, 0.5).toFixed(0)} ms`);
  report.add({ figure: 'resets', unit: 'resets', ours: [(await counted()) - before] });
}

/** Wait until both streams are on one link, and the other one answers again; resolves to their link. */
async function settled(pair: Wan): Promise<number> {
  let link = NaN;
  await until('both streams on one link, and both links answering', () => {
    const [own = NaN, other] = [pair.linkOf(0), pair.linkOf(0, 'tcp')];
    link = own;
    const whole = [0, 1].every((one) => !pair.eye.strand(pair.strand(one)).silent);
    return own === other && whole;
  });
  // TCP's timers are back at what they are on a link that works.
  await sleep(700);
  return link;
}

function longest({ out, back }: HeardBoth): number {
  return Math.max(out.gapMs, back.gapMs);
}
