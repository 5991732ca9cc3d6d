// SPDX-License-Identifier: Apache-2.0
/** The demo's report: Markdown, and beside it a plot of the latency over time. */
import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Answered } from '../../../lab/http/types.js';
import { links } from '../sites.js';
import { shapes } from './files.js';
import { plot } from './plot.js';
import type { Seen } from './story.js';
import { milliseconds } from './tables.js';
import type { Tally } from './tally.js';
import { users, type Timeline } from './timeline.js';

const title = 'Boss and minion: a request’s header decides its WAN link';

/** Write `path` and, for the plot, the same name with `.svg`; resolves to both. */
export async function writeReport(
  path: string,
  seen: Seen,
  answered: readonly Answered[],
): Promise<readonly string[]> {
  const image = `${path.replace(/\.(md|markdown)$/i, '')}.svg`;
  await writeFile(image, plotOf(seen.timeline, answered));
  await writeFile(path, markdown(seen, basename(image)));
  return [path, image];
}

/** The latency of all that was answered, each user's in a colour of his own. */
export function plotOf(timeline: Timeline, answered: readonly Answered[]): string {
  const series = users.map((name) => ({
    name,
    dots: answered
      .filter(({ user, error }) => user === name && error === undefined)
      .map(({ atMs, tookMs }) => [timeline.second(atMs), tookMs] as const),
  }));
  return plot(title, series, timeline.marks);
}

function markdown({ timeline, tallies, resets }: Seen, image: string): string {
  const own = [...tallies].filter(([name]) => name !== 'start');
  return `# ${title}

One service, two WAN links. Envoy looks at the header \`user\` and sends each request over the wire of
its class; the forwarder keeps each wire on its link. Requests by link are those that a capture at the
link saw.

| Link | Class | Delay each way | Rate |
| --- | --- | --- | --- |
${links.map(({ name, class: of }) => `| ${name} | ${of} | ${shapes[name].delay} | ${shapes[name].rate} |`).join('\n')}

![Latency of each request over time](${image})

${own.map(([name, rows]) => section(name, rows, timeline)).join('\n')}
TCP resets: ${String(resets)}
`;
}

function section(name: string, rows: readonly Tally[], timeline: Timeline): string {
  const { fromMs, toMs } = timeline.phase(name);
  const [from, to] = [fromMs, toMs].map((at) => timeline.second(at).toFixed(1));
  const table = rows.map((one) => {
    const cells = [
      ...[one.user, one.requests, ...links.map((link) => one.links[link.name] ?? 0)],
      ...[one.p50Ms, one.p99Ms, one.longestMs].map(milliseconds),
      ...[one.failed, one.wrong],
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return `## ${name} (${from ?? ''} s to ${to ?? ''} s)

| User | Requests | ${links.map((link) => link.name).join(' | ')} | p50 | p99 | Longest | Failed | Wrong link |
| --- | ---: | ${links.map(() => '---:').join(' | ')} | ---: | ---: | ---: | ---: | ---: |
${table.join('\n')}
`;
}
