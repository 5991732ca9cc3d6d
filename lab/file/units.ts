// SPDX-License-Identifier: Apache-2.0
/** Delays, losses and rates as users write them, and back. */

/** What a text must be, for messages. */
export const wants = {
  delay: 'a time from 0 to 10s, such as 80ms, 0.5s or 200us; or none',
  loss: 'a percentage from 0% to 100%, such as 5% or 0.1%; or none',
  rate: 'bits a second from 8kbit to 100gbit, such as 512kbit, 20mbit or 1gbit; or none',
  mtu: 'a whole number of bytes from 68 to 65521',
} as const;

/** The smallest and the largest MTU: IPv4's least, and a TAP's most. */
export const mtuRange = { least: 68, leastWithIPv6: 1280, most: 65_521, plain: 1500 } as const;

const milliseconds: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000 };
const bits: Readonly<Record<string, number>> = {
  bit: 1,
  kbit: 1e3,
  mbit: 1e6,
  gbit: 1e9,
};

/** `80ms` as milliseconds; nothing where it is no delay from 0 to 10 s. */
export function delayMs(text: string): number | undefined {
  const value = quantity(text, milliseconds);
  return value === undefined || value > 10_000 ? undefined : value;
}

/** `5%` as a percentage. */
export function lossPercent(text: string): number | undefined {
  const value = quantity(text, { '%': 1 });
  return value === undefined || value > 100 ? undefined : value;
}

/** `20mbit` as bits a second; 0 is no limit. */
export function rateBits(text: string): number | undefined {
  const value = quantity(text, bits);
  if (value === undefined || value === 0) return value;
  return value < 8e3 || value > 100e9 ? undefined : Math.round(value);
}

function quantity(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const plain = text.trim().toLowerCase();
  if (plain === 'none' || plain === '0') return 0;
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?) ?([a-z%]+)$/.exec(plain) ?? [];
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined;
  return factor === undefined ? undefined : Number((Number(number) * factor).toPrecision(12));
}

/** A delay as text: `80ms`. */
export function delayText(ms: number): string {
  if (ms === 0) return 'none';
  if (ms < 1) return `${short(ms * 1000)}us`;
  return `${short(ms)}ms`;
}

/** A loss as text: `5%`. */
export function lossText(percent: number): string {
  return percent === 0 ? 'none' : `${short(percent)}%`;
}

/** A rate as text: `20mbit`. */
export function rateText(rate: number): string {
  if (rate === 0) return 'none';
  if (rate >= 1e9) return `${short(rate / 1e9)}gbit`;
  if (rate >= 1e6) return `${short(rate / 1e6)}mbit`;
  return `${short(rate / 1e3)}kbit`;
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}
