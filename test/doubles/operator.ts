// SPDX-License-Identifier: Apache-2.0
/** An operator that remembers what it was asked, and fails when told to. */
import { Changes, type ChangeFollowing } from '../../forwarder/operator/changes.js';
import type { MovesAnswer } from '../../forwarder/operator/moves-answer.js';
import type { WiresAnswer } from '../../forwarder/operator/wire-answer.js';
import type { FlowText } from '../../forwarder/operator/flow.js';
import type {
  Following,
  InForce,
  Operator,
  PolicyDocument,
  PolicyInfo,
  Steered,
} from '../../forwarder/operator/operator.js';
import type { QualityAnswer, QualityNews } from '../../forwarder/operator/quality-answer.js';
import type { JournalRecord } from '../../forwarder/quality/journal-record.js';
import type { SessionChange, SessionEvent } from '../../forwarder/operator/session-event.js';

/** See the head of this file. */
export class RecordingOperator implements Operator {
  readonly about = { name: 'edge-forwarder', site: 'edge', version: '0.1.0' };
  readonly asked: unknown[][] = [];
  /** What the next question is answered with, in place of an answer. */
  failure: Error | undefined;
  /** The next answer waits for it. */
  gate: Promise<void> | undefined;

  policies(): readonly PolicyInfo[] {
    return [
      { name: 'default', services: ['wan'], from: 'site', rules: 2, classes: ['a'], digest: 'd1' },
    ];
  }

  wires(unless?: string): WiresAnswer {
    return unless === 'v1' ? { version: 'v1' } : { version: 'v1', wires: [] };
  }

  steered(): Steered {
    const wires = [{ id: 'w', labels: { app: 'sip' }, addresses: ['172.16.0.1/32'] }];
    return { generation: 7, services: [], wires };
  }

  async applyPolicies(documents: readonly PolicyDocument[]): Promise<InForce> {
    await this.#ask('apply', ...documents.map(({ policy }) => policy.name));
    return { generation: 7, ms: 3 };
  }

  async removePolicy(name: string): Promise<InForce> {
    await this.#ask('remove', name);
    return { generation: 8, ms: 3 };
  }

  pin(wire: string, flow: FlowText, strand: string): Promise<void> {
    return this.#ask('pin', wire, flow, strand);
  }

  unpin(wire: string, flow: FlowText): Promise<void> {
    return this.#ask('unpin', wire, flow);
  }

  async unpinAll(wire?: string): Promise<number> {
    await this.#ask('unpinAll', wire);
    return 3;
  }

  setStrand(name: string, up: boolean): Promise<void> {
    return this.#ask('strand', name, up);
  }

  /** The sessions that are there for whoever follows. */
  present: Iterable<SessionChange> = [];
  readonly followers = new Set<(events: readonly SessionEvent[]) => void>();

  followSessions(told: (events: readonly SessionEvent[]) => void): Following {
    const { failure, present } = this;
    this.failure = undefined;
    if (failure !== undefined) throw failure;
    this.followers.add(told);
    return { present, [Symbol.dispose]: () => void this.followers.delete(told) };
  }

  /** What is in the journal. */
  records: readonly JournalRecord[] = [];

  quality(): QualityAnswer {
    const { failure } = this;
    this.failure = undefined;
    if (failure !== undefined) throw failure;
    const prober = { running: true, pid: 7 };
    return { at: 1_700_000_000_000, prober, slas: [], links: [], strands: [] };
  }

  /** Who follows the links. */
  readonly linkFollowers = new Set<(news: QualityNews) => void>();

  followLinks(told: (news: QualityNews) => void): Disposable {
    this.linkFollowers.add(told);
    told({ at: 1_700_000_000_000, links: [] });
    return { [Symbol.dispose]: () => void this.linkFollowers.delete(told) };
  }

  /** What the test counts is told to those who follow. */
  readonly changes = new Changes();

  followChanges(changed: () => void): ChangeFollowing {
    return this.changes.follow(changed);
  }

  moves(): MovesAnswer {
    return { epoch: 'e1', lost: 0, moves: [] };
  }

  async *qualityRecords(sinceMs: number): AsyncGenerator<JournalRecord> {
    await this.#ask('records', sinceMs);
    yield* this.records;
  }

  async #ask(...question: unknown[]): Promise<void> {
    this.asked.push(question);
    const { failure, gate } = this;
    this.failure = undefined;
    this.gate = undefined;
    await gate;
    if (failure !== undefined) throw failure;
  }
}
