// SPDX-License-Identifier: Apache-2.0
/**
 * Joins requests with the sessions that carried them. A request is judged a while after it was
 * logged: what was told of its session may come later than the log. What waits is bounded; requests
 * that there is no room for are counted and not judged. Pure: time comes with each call.
 */
import type { SteeringPolicy } from '../../api/site/types.js';
import type { SessionEvent } from '../../forwarder/operator/session-event.js';
import type { LoggedRequest } from './entry.js';
import { judge, type Judgement, type Witness } from './judge.js';
import { LinkBook, type Look } from './link-book.js';
import { PolicyHistory, type PolicyText } from './policy-history.js';
import { Sessions, type SessionLimits } from './sessions.js';
import { Tally } from './tally.js';

/** How an audit judges; in milliseconds. */
export interface AuditTimes {
  /** From a request's entry to its verdict. */
  readonly holdMs: number;
  /** The same where nothing of its session is known by then. */
  readonly patienceMs: number;
  /** Before and after a change of the policy both policies count. */
  readonly settleMs: number;
  /** How long sessions are remembered that are over. */
  readonly rememberMs: number;
}

/** How much waits at most. */
export interface AuditLimits extends SessionLimits {
  readonly waiting: number;
  /** Of texts of the requests that wait, in characters. */
  readonly characters: number;
}

/** Verdicts of one tick: events and looks must not wait for a flood of requests. */
const mostAtOnce = 1_000;

/** Usual times: an Envoy flushes its log once a second or sooner, events come at once. */
export const usualTimes: AuditTimes = {
  holdMs: 1_000,
  patienceMs: 3_000,
  settleMs: 2_000,
  rememberMs: 60_000,
};

/** Usual limits: some hundred megabytes at worst. */
export const usualLimits: AuditLimits = {
  sessions: 65_536,
  legs: 32,
  waiting: 50_000,
  characters: 32 * 2 ** 20,
};

/** What is known of one forwarder. */
export interface AuditWitness extends Witness {
  lost: number;
}

interface Waiting {
  readonly request: LoggedRequest;
  readonly characters: number;
  readonly arrived: number;
}

/** See the head of this file. */
export class Audit {
  readonly tally = new Tally();
  readonly policies: PolicyHistory;
  readonly witnesses: readonly AuditWitness[];
  readonly #times: AuditTimes;
  readonly #limits: AuditLimits;
  /** In the order in which they came; `#late` are those that wait longer. */
  #waiting: Waiting[] = [];
  #late: Waiting[] = [];
  #characters = 0;
  #overflow = 0;
  #swept = 0;
  /** Headers by which Envoy chose, and which it does not tell. */
  readonly #missing = new Set<string>();

  constructor(
    forwarders: readonly string[],
    policy: PolicyText,
    { times = usualTimes, limits = usualLimits }: { times?: AuditTimes; limits?: AuditLimits } = {},
  ) {
    this.#times = times;
    this.#limits = limits;
    this.policies = new PolicyHistory(policy, times.settleMs);
    this.witnesses = forwarders.map((name) => {
      return { name, sessions: new Sessions(limits), book: new LinkBook(), lost: 0 };
    });
  }

  /** Requests that are not judged yet. */
  get pending(): number {
    return this.#waiting.length + this.#late.length;
  }

  /** Requests that there was no room for. */
  get overflow(): number {
    return this.#overflow;
  }

  /** Sentences on what may be set up wrongly. */
  get hints(): readonly string[] {
    return [...this.#missing].map(
      (name) =>
        `the access log does not tell the header ${name}, which a rule asks for: ` +
        'name it in additional_request_headers_to_log',
    );
  }

  /** A request is over. */
  request(request: LoggedRequest, now: number): void {
    const characters = charactersOf(request);
    const full = this.pending >= this.#limits.waiting;
    if (full || this.#characters + characters > this.#limits.characters) {
      this.#overflow++;
      return;
    }
    this.#characters += characters;
    this.#waiting.push({ request, characters, arrived: now });
  }

  /** The forwarder tells from now on; its first events are the sessions that are there. */
  hear(forwarder: number, now: number): void {
    this.witnesses[forwarder]?.sessions.hear(now);
  }

  /** It has told all that happened before. */
  confirm(forwarder: number, before: number): void {
    this.witnesses[forwarder]?.sessions.confirm(before);
  }

  /** It does not tell any more. */
  lose(forwarder: number): void {
    this.witnesses[forwarder]?.sessions.lose();
  }

  /** Times before and after do not go together: what it told is forgotten. */
  clockSet(forwarder: number): void {
    this.witnesses[forwarder]?.sessions.clear();
  }

  /** A forwarder told. */
  event(forwarder: number, event: SessionEvent): void {
    const witness = this.witnesses[forwarder];
    if (witness === undefined) return;
    if (event.kind === 'lost') witness.lost += event.count;
    else witness.sessions.apply(event);
  }

  /** How a forwarder's links were found. */
  look(forwarder: number, look: Look): void {
    this.witnesses[forwarder]?.book.add(look);
  }

  /** Another policy from now on. */
  policy(text: PolicyText, now: number): void {
    this.policies.change(text, now);
  }

  /** Judge what has waited long enough. */
  tick(now: number): void {
    const { holdMs, patienceMs, rememberMs } = this.#times;
    const due = split(this.#waiting, now - holdMs);
    this.#waiting = due.rest;
    for (const one of due.due) this.#judge(one, patienceMs > holdMs);
    const late = split(this.#late, now - patienceMs);
    this.#late = late.rest;
    for (const one of late.due) this.#judge(one, false);
    if (now - this.#swept < rememberMs / 4) return;
    this.#swept = now;
    for (const { sessions } of this.witnesses) sessions.sweep(now - rememberMs);
  }

  /** Judge all that waits. */
  drain(): void {
    const all = [...this.#late, ...this.#waiting];
    this.#late = [];
    this.#waiting = [];
    for (const one of all) this.#judge(one, false);
  }

  #judge(one: Waiting, mayWait: boolean): void {
    const { request } = one;
    const judgement: Judgement = judge(request, this.policies.at(request.began), this.witnesses);
    if (mayWait && judgement.verdict === 'unknown') {
      this.#late.push(one);
      return;
    }
    this.#characters -= one.characters;
    this.tally.add(request, judgement);
    const missing = missingHeader(request, this.policies.current.policy);
    if (missing !== undefined) this.#missing.add(missing);
  }
}

/** A header that the rule of Envoy's route asks for, and that the entry does not have. */
function missingHeader({ route, http }: LoggedRequest, policy: SteeringPolicy): string | undefined {
  const taken = policy.httpRules.find(({ name }) => route === `rule:${name}`);
  return Object.keys(taken?.match.headers ?? {}).find((name) => !Object.hasOwn(http.headers, name));
}

function split(all: Waiting[], before: number): { due: Waiting[]; rest: Waiting[] } {
  const found = all.findIndex(({ arrived }) => arrived > before);
  const at = Math.min(found < 0 ? all.length : found, mostAtOnce);
  return { due: all.slice(0, at), rest: all.slice(at) };
}

function charactersOf({ http, id, route, cluster }: LoggedRequest): number {
  const texts = [http.method, http.path, http.host, id, route, cluster];
  for (const [name, value] of Object.entries(http.headers)) texts.push(name, value);
  return texts.reduce((sum, text) => sum + text.length, 0);
}
