// SPDX-License-Identifier: Apache-2.0
/** Adds up judgements: rows, findings, reasons. Bounded: what there is no room for is counted all the same. */
import type { Connection, LoggedRequest } from './entry.js';
import type { Judgement } from './judge.js';
import type { AuditRow, Counts, Finding, Verdict } from './types.js';

type Sums = { -readonly [name in keyof Counts]: Counts[name] };

const mostRows = 512;
const mostFindings = 1_000;
const mostReasons = 64;
const other = 'others';
/** Of a path in a finding. */
const longestPath = 200;

const columns: Readonly<Record<Verdict, keyof Counts>> = {
  right: 'right',
  fallback: 'fallback',
  wrong: 'wrong',
  unknown: 'unknown',
  'no-upstream': 'noUpstream',
};

/** See the head of this file. */
export class Tally {
  readonly #rows = new Map<string, { row: Omit<AuditRow, keyof Counts>; sums: Sums }>();
  readonly #findings: Finding[] = [];
  readonly #reasons = new Map<string, number>();
  readonly #total = zero();
  #moreFindings = 0;
  #retried = 0;

  get total(): Counts {
    return { ...this.#total };
  }

  get rows(): readonly AuditRow[] {
    return [...this.#rows.values()].map(({ row, sums }) => ({ ...row, ...sums }));
  }

  get findings(): readonly Finding[] {
    return [...this.#findings];
  }

  /** Findings that there was no room for. */
  get moreFindings(): number {
    return this.#moreFindings;
  }

  get retried(): number {
    return this.#retried;
  }

  /** Why requests are `unknown`, the most frequent first. */
  get unknown(): readonly { readonly reason: string; readonly requests: number }[] {
    const all = [...this.#reasons].map(([reason, requests]) => ({ reason, requests }));
    return all.toSorted((a, b) => b.requests - a.requests);
  }

  /** One request more. */
  add(request: LoggedRequest, judgement: Judgement): void {
    const { verdict, reason } = judgement;
    for (const sums of [this.#total, this.#sumsOf(judgement)]) {
      sums.requests++;
      sums[columns[verdict]]++;
    }
    if (request.attempts > 1) this.#retried++;
    if (verdict === 'wrong') this.#find('wrong', request, judgement, reason);
    if (verdict === 'unknown') this.#count(reason);
    const route = otherRoute(request, judgement);
    if (route !== undefined) this.#find('route', request, judgement, route);
  }

  #sumsOf({ rule, class: of, links }: Judgement): Sums {
    const full = this.#rows.size >= mostRows;
    const key = JSON.stringify([rule, of, links]);
    const found = this.#rows.get(key) ?? (full ? this.#rows.get(other) : undefined);
    if (found !== undefined) return found.sums;
    const row = full ? { rule: other, class: other, links: [] } : { rule, class: of, links };
    const sums = zero();
    this.#rows.set(full ? other : key, { row, sums });
    return sums;
  }

  #count(reason: string): void {
    const room = this.#reasons.has(reason) || this.#reasons.size < mostReasons;
    const key = room ? reason : other;
    this.#reasons.set(key, (this.#reasons.get(key) ?? 0) + 1);
  }

  #find(
    kind: Finding['kind'],
    { id, envoy, began, http, connection, route, cluster }: LoggedRequest,
    { rule, class: of, links }: Judgement,
    reason: string,
  ): void {
    if (this.#findings.length >= mostFindings) {
      this.#moreFindings++;
      return;
    }
    this.#findings.push({
      kind,
      at: began,
      request: id,
      envoy,
      method: http.method.slice(0, longestPath),
      host: http.host.slice(0, longestPath),
      path: http.path.slice(0, longestPath),
      rule,
      class: of,
      links,
      connection: connection === undefined ? null : connectionText(connection),
      route,
      cluster,
      reason,
    });
  }
}

/** What Envoy's route says of a rule, where that is another one; routes with other names say nothing. */
function otherRoute({ route }: LoggedRequest, { httpRule }: Judgement): string | undefined {
  const taken = route === 'default' ? null : /^rule:(.+)$/s.exec(route)?.[1];
  if (taken === undefined || taken === httpRule) return undefined;
  const name = (rule: string | null): string => (rule === null ? 'no rule' : `rule ${rule}`);
  return `Envoy took it for ${name(taken)}, by the policy it is ${name(httpRule)}`;
}

function connectionText({ source, destination }: Connection): string {
  return `${source} > ${destination}`;
}

function zero(): Sums {
  return { requests: 0, right: 0, fallback: 0, wrong: 0, unknown: 0, noUpstream: 0 };
}
