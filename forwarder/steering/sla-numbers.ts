// SPDX-License-Identifier: Apache-2.0
/**
 * Numbers for SLAs: 1 to 31, one for each that differs in a figure, for there is
 * one bit for each in a strand's word `avoid`. One that stays keeps its number.
 */
import { status } from '@grpc/grpc-js';
import { invalid, WireError } from '../../api/errors/wire-error.js';
import { classNames, classOf } from '../../api/site/classes.js';
import type { PolicyClass, SteeringPolicy } from '../../api/site/types.js';

/** What a class promises. */
export type Sla = NonNullable<PolicyClass['sla']>;

/** An SLA with its number. */
export interface NumberedSla {
  /** From 1. */
  readonly number: number;
  readonly sla: Sla;
  /** The classes that have it, as `policy/class`, each once. */
  readonly names: readonly string[];
}

/** How many there can be. */
export const mostSlas = 31;

/** See the head of this file. */
export class SlaNumbers {
  #all: readonly NumberedSla[] = [];

  /** In the order of numbers. */
  get all(): readonly NumberedSla[] {
    return this.#all;
  }

  /** Those of these policies and no others; INVALID_ARGUMENT where there are too many, and nothing is changed. */
  set(policies: readonly SteeringPolicy[]): void {
    const wanted = distinctSlas(policies);
    const [mistake] = tooMany(wanted.size);
    if (mistake !== undefined) throw new WireError(status.INVALID_ARGUMENT, mistake);
    const before = new Map(this.#all.map(({ sla, number }) => [textOf(sla), number]));
    const used = new Set([...wanted.keys()].flatMap((text) => before.get(text) ?? []));
    const free = Array.from({ length: mostSlas }, (_, at) => at + 1).filter(
      (one) => !used.has(one),
    );
    this.#all = [...wanted]
      .map(([text, one]) => ({ number: before.get(text) ?? free.shift() ?? 0, ...one }))
      .toSorted((a, b) => a.number - b.number);
  }

  /** The numbers of a policy's classes that have an SLA, by name. */
  of(policy: SteeringPolicy): ReadonlyMap<string, number> {
    const numbers = new Map(this.#all.map(({ sla, number }) => [textOf(sla), number]));
    return new Map(
      classNames(policy).flatMap((name) => {
        const { sla } = classOf(policy, name);
        const number = sla && numbers.get(textOf(sla));
        return number === undefined ? [] : [[name, number] as const];
      }),
    );
  }
}

/** What is wrong with so many policies' SLAs, in words; nothing where they can be numbered. */
export function slaMistakes(policies: readonly SteeringPolicy[]): readonly string[] {
  return tooMany(distinctSlas(policies).size);
}

function tooMany(count: number): readonly string[] {
  if (count <= mostSlas) return [];
  const want = `at most ${String(mostSlas)} of all policies, classes with the same figures counted once`;
  return [invalid('different sla', count, want).message];
}

function distinctSlas(
  policies: readonly SteeringPolicy[],
): ReadonlyMap<string, { readonly sla: Sla; readonly names: readonly string[] }> {
  const found = new Map<string, { readonly sla: Sla; readonly names: Set<string> }>();
  for (const policy of policies) {
    for (const name of classNames(policy)) {
      const { sla } = classOf(policy, name);
      if (sla === undefined) continue;
      const one = found.get(textOf(sla)) ?? { sla, names: new Set() };
      one.names.add(`${policy.name}/${name}`);
      found.set(textOf(sla), one);
    }
  }
  return new Map([...found].map(([text, { sla, names }]) => [text, { sla, names: [...names] }]));
}

function textOf({ rttMs, jitterMs, lossPercent }: Sla): string {
  return JSON.stringify([rttMs ?? null, jitterMs ?? null, lossPercent ?? null]);
}
