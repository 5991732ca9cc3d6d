// SPDX-License-Identifier: Apache-2.0
/** What the data plane tells of a session, in words: records of the ring buffer, entries of the maps. */
import * as layout from '../../bpf/loader/layout.js';
import { flowText, type FlowKey } from '../operator/flow.js';
import type { EventWire, SessionChange } from '../operator/session-event.js';
import type { Epoch } from './epoch.js';

type Texts = Readonly<Record<string, string>>;

/** What says what numbers mean. */
export interface Meanings {
  /** Of the tables in force. */
  readonly generation: number;
  /** What it means, or of a wire or strand that is gone meant last. */
  lastNameOf(kind: 'wire' | 'strand' | 'class' | 'rule', id: number): Texts | undefined;
}

/** A session by numbers. */
export interface SessionNumbers {
  readonly wire: number;
  /** The rule set of its wire. */
  readonly policy: number;
  readonly flow: FlowKey;
  readonly generation: number;
  readonly strand: number;
  readonly class_id: number;
  readonly rule: number;
}

const kinds: Readonly<Record<number, 'create' | 'move' | 'close'>> = {
  [layout.eventKinds.create]: 'create',
  [layout.eventKinds.move]: 'move',
  [layout.eventKinds.close]: 'close',
};

/** Puts numbers into words; what they mean is remembered, so use it for one batch. */
export class SessionText {
  readonly #meanings: Meanings;
  readonly #known = new Map<string, Texts | undefined>();

  constructor(meanings: Meanings) {
    this.#meanings = meanings;
  }

  /** Records side by side; a kind that this version does not know is passed over. */
  changes(records: Buffer, epoch: Epoch): SessionChange[] {
    const { size } = layout.event;
    const found: SessionChange[] = [];
    for (let at = 0; at + size <= records.length; at += size) {
      const {
        at_ns,
        kind: number,
        from,
        ...event
      } = layout.event.decode(records.subarray(at, at + size));
      const kind = kinds[number];
      if (kind === undefined) continue;
      const told = this.session({ ...event, flow: event });
      const before = kind === 'move' ? { from: this.#strand(from).link } : {};
      found.push({ at: epoch.of(at_ns), kind, ...told, ...before });
    }
    return found;
  }

  /** All but when and what. */
  session(numbers: SessionNumbers): Omit<SessionChange, 'at' | 'kind'> {
    const { wire, policy, flow, generation, strand, class_id, rule } = numbers;
    const now = this.#meanings.generation;
    // Two banks: what is older than the last swap has been written over.
    const known = generation === now || generation === now - 1;
    const row = layout.rulesetRow(generation & 1, policy);
    const classified = known && class_id !== layout.unclassified;
    const fits = known && rule !== layout.defaultRule && rule !== layout.unclassified;
    return {
      wire: this.#wire(wire),
      ...flowText(flow),
      class: classified ? this.#name('class', ((row << 16) | class_id) >>> 0) : '',
      rule: fits ? this.#name('rule', row * layout.limits.rules + rule) : '',
      ...this.#strand(strand),
      generation,
    };
  }

  #wire(number: number): EventWire {
    const { id, client = '', service = '', name = '' } = this.#texts('wire', number) ?? {};
    return { id: id ?? `#${String(number)}`, client, service, interface: name };
  }

  #strand(number: number): { readonly strand: string; readonly link: string } {
    const { name, link } = this.#texts('strand', number) ?? {};
    return { strand: name ?? `#${String(number)}`, link: link ?? '' };
  }

  #name(kind: 'class' | 'rule', id: number): string {
    return this.#texts(kind, id)?.['name'] ?? `#${String(id)}`;
  }

  #texts(kind: Parameters<Meanings['lastNameOf']>[0], id: number): Texts | undefined {
    const key = `${kind}:${String(id)}`;
    if (!this.#known.has(key)) this.#known.set(key, this.#meanings.lastNameOf(kind, id));
    return this.#known.get(key);
  }
}
