// SPDX-License-Identifier: Apache-2.0
/** The operator's hand on the data plane: policies, pins, strands. */
import { status } from '@grpc/grpc-js';
import { WireError } from '../../api/errors/wire-error.js';
import { servicesOf } from '../../api/site/classes.js';
import { parseFlow, type FlowText } from '../operator/flow.js';
import type { NodePolicies } from '../operator/node-policies.js';
import type { About, Operator } from '../operator/operator.js';
import { journalRecords } from '../quality/journal-file.js';
import type { LinkNews } from '../quality/link-news.js';
import type { Watcher } from '../quality/watcher.js';
import type { SessionFeed } from './session-feed.js';
import type { Steering } from './steering.js';

/** What the hand reaches. */
export interface HandOptions {
  readonly about: About;
  readonly steering: Steering;
  readonly policies: NodePolicies;
  readonly feed: SessionFeed;
  readonly watcher: Pick<Watcher, 'answer' | 'look'>;
  readonly news: Pick<LinkNews, 'follow'>;
  /** Where the journal is. */
  readonly folder: string;
  /** Of the client's interface; none where the wire is not known. */
  readonly addressesOf: (wire: string) => readonly string[];
  readonly wires: Operator['wires'];
  readonly followChanges: Operator['followChanges'];
  readonly moves: Operator['moves'];
}

/** The operator of a running forwarder. */
export function hand(options: HandOptions): Operator {
  const { about, steering, policies, feed, watcher, news, folder, addressesOf } = options;
  const { wires, followChanges, moves } = options;
  const { sessions } = steering;
  return {
    about,
    wires,
    followChanges,
    moves,
    policies: () => policies.all,

    steered: () => ({
      generation: steering.plane.generation,
      services: servicesOf(policies.files),
      wires: steering.wires.map(({ id, labels, identity }) => ({
        id,
        labels,
        identity,
        addresses: addressesOf(id),
      })),
    }),

    applyPolicies: (documents) => policies.apply(documents),
    removePolicy: (name) => policies.remove(name),
    setStrand: (name, up) => steering.setStrand(name, up, () => watcher.look()),
    followSessions: (told) => feed.follow(told),
    quality: () => watcher.answer(),
    followLinks: (told) => news.follow(told),
    qualityRecords: (sinceMs) => journalRecords(folder, sinceMs),

    pin(wire: string, flow: FlowText, strand: string): Promise<void> {
      return steering.inLine(() => {
        const { number, peer } = wireOf(steering, wire);
        const strands = steering.peers.get(peer)?.strands ?? [];
        const found = strands.find(({ name }) => name === strand);
        if (found === undefined) {
          throw unknown(
            'strand',
            strand,
            `of the wire's peer`,
            strands.map(({ name }) => name),
          );
        }
        sessions.pin({ ...parseFlow(flow), wire: number }, found.id);
      });
    },

    unpin(wire: string, flow: FlowText): Promise<void> {
      return steering.inLine(() => {
        sessions.unpin({ ...parseFlow(flow), wire: wireOf(steering, wire).number });
      });
    },

    unpinAll(wire?: string): Promise<number> {
      return steering.inLine(() => {
        return sessions.unpinAll(wire === undefined ? undefined : wireOf(steering, wire).number);
      });
    },
  };
}

/** The one wire whose id is, or begins with, that text. */
function wireOf(steering: Steering, text: string): { number: number; peer: string } {
  const ids = steering.wires.map(({ id }) => id);
  const fitting = ids.includes(text) ? [text] : ids.filter((id) => id.startsWith(text));
  const [id] = fitting;
  if (fitting.length > 1) {
    const message = `wire "${text}": ${String(fitting.length)} wires begin so: want more of its id`;
    throw new WireError(status.INVALID_ARGUMENT, message);
  }
  const number = id === undefined ? undefined : steering.numberOf(id);
  const wire = id === undefined ? undefined : steering.get(id);
  if (number === undefined || wire === undefined) throw unknown('wire', text, 'here', ids);
  return { number, peer: wire.peer.name };
}

const mostNamed = 10;

function unknown(what: string, text: string, where: string, known: readonly string[]): WireError {
  const some = known.slice(0, mostNamed).join(', ') || 'none';
  const more = known.length > mostNamed ? `, and ${String(known.length - mostNamed)} more` : '';
  return new WireError(
    status.NOT_FOUND,
    `${what} "${text}" is not known ${where}: want one of ${some}${more}`,
  );
}
