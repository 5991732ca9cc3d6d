// SPDX-License-Identifier: Apache-2.0
/** What an operator may ask of a running forwarder. The operator's socket offers it (`server.ts`). */
import type { ServicePolicy } from '../../api/site/classes.js';
import type { SteeringPolicy } from '../../api/site/types.js';
import type { JournalRecord } from '../quality/journal-record.js';
import type { ChangeFollowing } from './changes.js';
import type { FlowText } from './flow.js';
import type { MovesAnswer } from './moves-answer.js';
import type { QualityAnswer, QualityNews } from './quality-answer.js';
import type { SessionChange, SessionEvent } from './session-event.js';
import type { WiresAnswer } from './wire-answer.js';

/** Who answers. */
export interface About {
  /** The forwarder's name. */
  readonly name: string;
  readonly site: string;
  readonly version: string;
}

/** A policy and the YAML document that says it. */
export interface PolicyDocument {
  readonly policy: SteeringPolicy;
  /** That one document, without a separator. */
  readonly text: string;
}

/** One policy of the node, as told to an operator. */
export interface PolicyInfo {
  readonly name: string;
  readonly services: readonly string[];
  /** `applied` goes over the site's file. */
  readonly from: 'site' | 'applied';
  readonly rules: number;
  readonly classes: readonly string[];
  /** Of its text, in short: two that say the same have the same. */
  readonly digest: string;
}

/** Tables that came in force. */
export interface InForce {
  readonly generation: number;
  /** How long it took until every packet was steered by them. */
  readonly ms: number;
}

/** A steered wire, as far as its client said it. */
export interface SteeredClient {
  /** Connection id at this hop. */
  readonly id: string;
  /** Of its Request: rules may ask for them. */
  readonly labels: Readonly<Record<string, string>>;
  /** SPIFFE ID of the client; nothing without identities. */
  readonly identity?: string | undefined;
  /** Of the client's interface, with a length. */
  readonly addresses: readonly string[];
}

/** What packets are steered by: policies rule by rule, and what rules ask of clients. */
export interface Steered {
  readonly generation: number;
  readonly services: readonly ServicePolicy[];
  readonly wires: readonly SteeredClient[];
}

/** What one who follows the sessions has; disposed, nothing more is told. */
export interface Following extends Disposable {
  /** The sessions that are open now, put into words as they are taken. */
  readonly present: Iterable<SessionChange>;
}

/** See the head of this file. */
export interface Operator {
  readonly about: About;
  /** All of the node, those of the site's file too. */
  policies(): readonly PolicyInfo[];
  /** All wires, those within this machine too; none where `unless` is the version of what would be told. */
  wires(unless?: string): WiresAnswer;
  /** What is in force, in the policies' own words: the tables have only bits of it. */
  steered(): Steered;
  /** Put these over those of the same names, all at once, and keep them; what fails changes nothing. */
  applyPolicies(documents: readonly PolicyDocument[]): Promise<InForce>;
  /** Forget an applied policy; that of the site's file, if there is one, is in force again. */
  removePolicy(name: string): Promise<InForce>;
  /** Put a session on a strand. The wire by its id, or by a beginning of it that no other has. */
  pin(wire: string, flow: FlowText, strand: string): Promise<void>;
  /** Let the policy choose again; NOT_FOUND where it was not pinned. */
  unpin(wire: string, flow: FlowText): Promise<void>;
  /** All of a wire, or of all wires; how many there were. */
  unpinAll(wire?: string): Promise<number>;
  /** The operator's hand on a strand. */
  setStrand(name: string, up: boolean): Promise<void>;
  /**
   * Hear what happens to sessions, a part at a time. Nothing between `present` and what is told is
   * missing; what happened a moment before may be told too. RESOURCE_EXHAUSTED where too many follow.
   */
  followSessions(told: (events: readonly SessionEvent[]) => void): Following;
  /** What is known of links now. */
  quality(): QualityAnswer;
  /** Hear how good links are: at once, and whenever that changes; until disposed. */
  followLinks(told: (news: QualityNews) => void): Disposable;
  /** Hear that something of what may be asked is otherwise, and have its versions; until disposed. */
  followChanges(changed: () => void): ChangeFollowing;
  /** How many sessions went from one strand to another, counted while somebody follows changes. */
  moves(): MovesAnswer;
  /** The journal from a time of day on, in milliseconds since 1970; the setup that was in force then comes first. */
  qualityRecords(sinceMs: number): AsyncIterable<JournalRecord>;
}
