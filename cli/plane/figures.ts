// SPDX-License-Identifier: Apache-2.0
/** Numbers for people: three digits that count, and a unit. */

const units = ['', 'k', 'M', 'G', 'T', 'P', 'E'] as const;

/** `999 B`, `1.23 kB`, `45.6 MB`: thousands, not 1024. */
export function bytesText(bytes: number): string {
  return scaled(bytes, 'B');
}

/** `0 bit/s`, `12.3 Mbit/s`. */
export function rateText(bitsPerSecond: number): string {
  return scaled(bitsPerSecond, 'bit/s');
}

/** `0.4 ms`, `20.1 ms`, `604 ms`; `-` where it is not known. */
export function msText(ms: number | null): string {
  if (ms === null) return '-';
  return `${ms.toFixed(ms < 99.95 ? 1 : 0)} ms`;
}

/** `0 %`, `0.05 %`, `8.2 %`, `100 %`; `-` where it is not known. */
export function percentText(percent: number | null): string {
  if (percent === null) return '-';
  const digits = percent === 0 || percent >= 99.95 ? 0 : percent < 0.995 ? 2 : 1;
  return `${percent.toFixed(digits)} %`;
}

/** `09:14:02` of the day here, with its date where that is another day than `now`; `-` where it is not known. */
export function momentText(at: number | null, now: number): string {
  if (at === null) return '-';
  const two = (value: number): string => String(value).padStart(2, '0');
  const date = new Date(at);
  const day = `${String(date.getFullYear())}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  return date.toDateString() === new Date(now).toDateString() ? time : `${day} ${time}`;
}

/** `99999`, then `100 k`: packets, sessions. */
export function countText(count: number): string {
  return count < 100_000 ? String(Math.round(count)) : scaled(count, '').trimEnd();
}

/** `1 wire`, `2 wires`. */
export function countOf(count: number, what: string): string {
  return `${countText(count)} ${what}${count === 1 ? '' : 's'}`;
}

/** `0.4 s`, `12 s`, `3 min`, `5 h`, `9 d`: how long ago. */
export function timeText(ms: number): string {
  const seconds = Math.max(ms, 0) / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  // Down, not to the nearest: 59.6 s is not yet a minute.
  if (seconds < 60) return `${String(Math.floor(seconds))} s`;
  if (seconds < 3600) return `${String(Math.floor(seconds / 60))} min`;
  if (seconds < 86_400) return `${String(Math.floor(seconds / 3600))} h`;
  return `${String(Math.floor(seconds / 86_400))} d`;
}

function scaled(value: number, unit: string): string {
  let rest = Math.max(value, 0);
  let at = 0;
  // 999.6 k is shown as 1.00 M, not as 1000 k.
  while (at < units.length - 1 && rest >= 999.5) {
    rest /= 1000;
    at++;
  }
  const digits = at === 0 ? 0 : rest < 9.995 ? 2 : rest < 99.95 ? 1 : 0;
  return `${rest.toFixed(digits)} ${units[at] ?? ''}${unit}`;
}
