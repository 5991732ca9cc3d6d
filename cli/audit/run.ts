// SPDX-License-Identifier: Apache-2.0
/**
 * An audit that runs: it serves the access log, hears forwarders, looks at links, watches the policy,
 * and tells at any time what it has found.
 *
 * Leaves: nothing.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { serveAccessLog, type AccessLogOptions, type AccessLogService } from './access-log.js';
import { Audit, usualLimits, usualTimes, type AuditLimits, type AuditTimes } from './audit.js';
import { requestOf } from './entry.js';
import { followEvents } from './event-source.js';
import type { HeardForwarder } from './forwarders.js';
import { LinkWatch } from './link-watch.js';
import { readPolicy, watchPolicy, type PolicyChoice } from './policy-file.js';
import { rowOrder } from './row-order.js';
import type { AuditForwarder, AuditReport } from './types.js';

/** What {@link startAudit} works with. */
export interface RunOptions extends Pick<AccessLogOptions, 'address' | 'socketMode'> {
  readonly choice: PolicyChoice;
  readonly forwarders: readonly HeardForwarder[];
  /** Sentences for who runs it: a policy with mistakes, a forwarder that goes and comes. */
  readonly tell: (text: string) => void;
  readonly times?: AuditTimes;
  readonly limits?: AuditLimits;
}

/** See the head of this file. */
export interface RunningAudit extends AsyncDisposable {
  /** Where Envoys send their log. */
  readonly url: string;
  report(): AuditReport;
  /** Wait for what has been logged to be judged; resolves to the whole. */
  finish(): Promise<AuditReport>;
}

const tickMs = 100;

/** Start it; rejects where the policy has mistakes or the address cannot be had. Forwarders may come later. */
export async function startAudit(options: RunOptions): Promise<RunningAudit> {
  const text = await readPolicy(options.choice);
  const { times = usualTimes, limits = usualLimits } = options;
  const names = options.forwarders.map(({ name }) => name);
  const running = new Running(options, new Audit(names, text, { times, limits }), times);
  try {
    await running.start();
  } catch (reason) {
    await running[Symbol.asyncDispose]();
    throw reason;
  }
  return running;
}

class Running implements RunningAudit {
  readonly #options: RunOptions;
  readonly #audit: Audit;
  readonly #times: AuditTimes;
  readonly #stop = new AbortController();
  readonly #looks: LinkWatch[] = [];
  /** What rests at the end. */
  readonly #parts: Promise<void>[] = [];
  readonly #away: (string | undefined)[];
  readonly #from = Date.now();
  #service: AccessLogService | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ignored = 0;

  constructor(options: RunOptions, audit: Audit, times: AuditTimes) {
    this.#options = options;
    this.#audit = audit;
    this.#times = times;
    this.#away = options.forwarders.map(() => 'it was not heard yet');
  }

  async start(): Promise<void> {
    const { address, socketMode, choice, forwarders, tell } = this.#options;
    const { signal } = this.#stop;
    for (const [at, forwarder] of forwarders.entries()) this.#hear(at, forwarder);
    this.#parts.push(
      watchPolicy(
        {
          choice,
          onChange: (text) => this.#audit.policy(text, Date.now()),
          onMistake: (mistakes) => tell(`the policy stays as it was: ${mistakes}`),
          signal,
        },
        this.#audit.policies.current,
      ),
    );
    this.#timer = setInterval(() => this.#audit.tick(Date.now()), tickMs);
    this.#service = await serveAccessLog({
      address,
      socketMode,
      onEntry: (entry, envoy) => {
        const request = requestOf(entry, envoy, this.#audit.policies.headers);
        if (request === undefined) this.#ignored++;
        else this.#audit.request(request, Date.now());
      },
    });
  }

  get url(): string {
    return this.#service?.url ?? '';
  }

  report(): AuditReport {
    const { tally, policies, pending, overflow, hints } = this.#audit;
    const { envoys = [], refused = 0, tcpEntries = 0 } = this.#service ?? {};
    const unheard = envoys.length === 0 ? [`no Envoy has sent its access log to ${this.url}`] : [];
    return {
      from: this.#from,
      to: Date.now(),
      policy: policies.current.policy.name,
      policyChanges: policies.changes,
      total: tally.total,
      rows: tally.rows.toSorted(rowOrder(policies.current.policy)),
      envoys,
      forwarders: this.#forwarders(),
      findings: tally.findings,
      moreFindings: tally.moreFindings,
      unknown: tally.unknown,
      retried: tally.retried,
      overflow,
      ignored: this.#ignored + tcpEntries,
      refused,
      pending,
      hints: [...unheard, ...hints],
    };
  }

  async finish(): Promise<AuditReport> {
    const { holdMs, patienceMs } = this.#times;
    await sleep(holdMs);
    const late = Date.now() + patienceMs - holdMs;
    this.#audit.tick(Date.now());
    while (this.#audit.pending > 0 && Date.now() < late) {
      await sleep(tickMs);
      this.#audit.tick(Date.now());
    }
    this.#audit.drain();
    return this.report();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort();
    for (const look of this.#looks) look[Symbol.dispose]();
    await Promise.all([this.#service?.close(), ...this.#parts]);
  }

  #hear(at: number, { name, follow, isThere, maps }: HeardForwarder): void {
    const audit = this.#audit;
    const { tell } = this.#options;
    const { signal } = this.#stop;
    const away = this.#away;
    const sink = {
      hear: (now: number) => {
        if (away[at] !== undefined) tell(`forwarder ${name} is heard`);
        away[at] = undefined;
        audit.hear(at, now);
      },
      event: audit.event.bind(audit, at),
      confirm: (before: number) => audit.confirm(at, before),
      lose: (reason: string) => {
        audit.lose(at);
        if (!signal.aborted && away[at] !== reason)
          tell(`forwarder ${name} is not heard: ${reason}`);
        away[at] = reason;
      },
      clockSet: () => audit.clockSet(at),
    };
    this.#parts.push(followEvents({ follow, isThere, sink, signal }));
    this.#looks.push(new LinkWatch({ maps, onLook: (one) => audit.look(at, one) }));
  }

  #forwarders(): readonly AuditForwarder[] {
    return this.#audit.witnesses.map(({ name, sessions, book, lost }, at) => ({
      name,
      heard: this.#away[at] === undefined,
      reason: this.#away[at] ?? null,
      gaps: sessions.gaps,
      lost,
      sessions: sessions.size,
      forgotten: sessions.forgotten,
      links: book.links.length > 0,
    }));
  }
}
