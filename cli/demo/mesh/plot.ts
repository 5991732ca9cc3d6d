// SPDX-License-Identifier: Apache-2.0
/** Latency over time as an SVG: a dot a request, a line where something happened. Light and dark. */

/** Requests of one user. */
export interface Series {
  readonly name: string;
  /** Seconds since the beginning, and milliseconds that the answer took. */
  readonly dots: readonly (readonly [second: number, ms: number])[];
}

/** Something that happened. */
export interface Mark {
  readonly second: number;
  readonly text: string;
}

const width = 860;
const height = 380;
const frame = { left: 64, right: 16, top: 56, bottom: 44 };
const ticksMs = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000];
const light = ['#0a7d4f', '#0b62c4', '#b3560a', '#8250df'];
const dark = ['#3fb950', '#58a6ff', '#f0883e', '#bc8cff'];

/** See the head of this file. Milliseconds are on a logarithmic scale. */
export function plot(title: string, all: readonly Series[], marks: readonly Mark[]): string {
  const dots = all.flatMap((series) => series.dots);
  const seconds = Math.max(1, ...dots.map(([second]) => second), ...marks.map((m) => m.second));
  const times = dots.map(([, ms]) => ms).filter((ms) => ms > 0);
  const [lowest, highest] = [Math.min(1_000, ...times), Math.max(1, ...times)];
  const low = ticksMs.findLast((tick) => tick <= lowest) ?? 1;
  const high = ticksMs.find((tick) => tick >= highest) ?? 20_000;
  const right = width - frame.right;
  const bottom = height - frame.bottom;
  const x = (second: number): number => frame.left + (second / seconds) * (right - frame.left);
  const y = (ms: number): number => {
    const part = Math.log(Math.max(ms, low) / low) / Math.log(high / low || 2);
    return bottom - Math.min(part, 1) * (bottom - frame.top);
  };
  const lines = [
    ...rows(low, high).map(
      (ms) =>
        `<path class="grid" d="M${n(frame.left)} ${n(y(ms))}H${n(right)}"/>` +
        `<text class="soft" x="${n(frame.left - 8)}" y="${n(y(ms) + 4)}" text-anchor="end">${String(ms)} ms</text>`,
    ),
    ...columns(seconds).map(
      (second) =>
        `<text class="soft" x="${n(x(second))}" y="${n(bottom + 20)}" text-anchor="middle">${String(second)} s</text>`,
    ),
    ...all.map(
      ({ dots: own }, at) =>
        `<path class="dots s${String(at)}" d="${own.map(([s, ms]) => `M${n(x(s))} ${n(y(ms))}h0`).join('')}"/>`,
    ),
    ...marks.map(
      ({ second, text }) =>
        `<path class="mark" d="M${n(x(second))} ${n(frame.top - 12)}V${n(bottom)}"/>` +
        `<text x="${n(x(second) + 4)}" y="${n(frame.top - 4)}">${escaped(text)}</text>`,
    ),
    ...all.map(
      ({ name }, at) =>
        `<text class="name t${String(at)}" x="${n(frame.left + at * 110)}" y="22">● ${escaped(name)}</text>`,
    ),
  ];
  return `${head(title)}\n${lines.join('\n')}\n</svg>\n`;
}

function head(title: string): string {
  const colours = (list: readonly string[]): string =>
    list
      .map(
        (colour, at) =>
          `.s${String(at)} { stroke: ${colour}; } .t${String(at)} { fill: ${colour}; }`,
      )
      .join(' ');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${String(width)} ${String(height)}" role="img" font-family="system-ui, sans-serif" font-size="13">
<title>${escaped(title)}</title>
<style>
text { fill: #1f2328; } .soft { fill: #59636e; } .name { font-weight: 600; }
.grid { stroke: #d1d9e0; } .mark { stroke: #59636e; stroke-dasharray: 4 3; }
.dots { fill: none; stroke-width: 3; stroke-linecap: round; stroke-opacity: 0.6; }
${colours(light)}
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; } .soft { fill: #9198a1; } .grid { stroke: #30363d; } .mark { stroke: #9198a1; }
${colours(dark)}
}
</style>`;
}

function rows(low: number, high: number): readonly number[] {
  return ticksMs.filter((tick) => tick >= low && tick <= high);
}

function columns(seconds: number): readonly number[] {
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500].find((one) => seconds / one <= 10) ?? 1_000;
  return Array.from({ length: Math.floor(seconds / step) + 1 }, (_, at) => at * step);
}

function n(value: number): string {
  return String(Number(value.toFixed(1)));
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
