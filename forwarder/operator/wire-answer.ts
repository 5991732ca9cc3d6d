// SPDX-License-Identifier: Apache-2.0
/**
 * What `GET /wires` of the operator's socket answers: every connection of the forwarder, those within this
 * machine too. Every field is always there, with null for nothing.
 *
 * `version` is another one where the answer may be; who asks with `?unless=VERSION` while it is still that
 * is answered without `wires`. `GET /changes` tells when to ask (`change-streams.ts`).
 */
import { ipOf, pathOf } from '../../api/chain/connection.js';
import type { ConnectionEvents } from '../../api/elements/connection-events.js';
import { State, type Connection } from '../../api/gen/connection.js';
import type { Changes } from './changes.js';

/** One wire. */
export interface WireInfo {
  /** The connection's id at this hop. */
  readonly id: string;
  /** Its id at its client, and the name of that: the first segment of its path. */
  readonly connection: string;
  readonly client: string;
  /** SPIFFE ID of the client, as tokens prove it; null without identities. */
  readonly identity: string | null;
  /** Of its Request. */
  readonly labels: Readonly<Record<string, string>>;
  readonly service: string;
  readonly endpoint: string;
  /** In the client's namespace. */
  readonly interface: string;
  /** With a length each. */
  readonly clientAddresses: readonly string[];
  readonly endpointAddresses: readonly string[];
  readonly state: 'up' | 'down';
  /** The node that its strands lead to, as `quality` names it; null within this machine. */
  readonly peer: string | null;
}

/** See the head of this file. */
export interface WiresAnswer {
  readonly version: string;
  readonly wires?: readonly WireInfo[];
}

/** What the answer is made of. */
export interface WireSources {
  readonly events: Pick<ConnectionEvents, 'all' | 'onChange'>;
  readonly identityOf: (id: string) => string | undefined;
  readonly peerOf: (id: string) => string | undefined;
  readonly changes: Pick<Changes, 'count' | 'version'>;
}

/**
 * The wires as they are told, kept as connections change: of each change one wire is looked at, and most
 * (refreshes) change nothing that is told.
 */
export class ToldWires {
  readonly #sources: WireSources;
  readonly #wires = new Map<string, { readonly info: WireInfo; readonly text: string }>();

  constructor(sources: WireSources) {
    this.#sources = sources;
    for (const connection of sources.events.all) this.#changed(connection.id, connection);
    sources.events.onChange((id, connection) => {
      this.#changed(id, connection);
    });
  }

  /** The answer; without wires where that would be the answer that its asker has. */
  answer(unless?: string): WiresAnswer {
    const version = this.#sources.changes.version('wires');
    if (version === unless) return { version };
    const wires = [...this.#wires.values()].map(({ info }) => info);
    return { version, wires: wires.sort((a, b) => (a.id < b.id ? -1 : 1)) };
  }

  #changed(id: string, connection: Connection | undefined): void {
    if (connection === undefined) {
      if (this.#wires.delete(id)) this.#sources.changes.count('wires');
      return;
    }
    const info = wireInfo(connection, this.#sources);
    const text = JSON.stringify(info);
    if (this.#wires.get(id)?.text === text) return;
    this.#wires.set(id, { info, text });
    this.#sources.changes.count('wires');
  }
}

function wireInfo(
  connection: Connection,
  { identityOf, peerOf }: Pick<WireSources, 'identityOf' | 'peerOf'>,
): WireInfo {
  const { id, labels, networkService, networkServiceEndpointName, mechanism, state } = connection;
  const [first] = pathOf(connection).pathSegments;
  const { srcIpAddrs, dstIpAddrs } = ipOf(connection);
  return {
    id,
    connection: first?.id ?? id,
    client: first?.name ?? '',
    identity: identityOf(id) ?? null,
    labels,
    service: networkService,
    endpoint: networkServiceEndpointName,
    interface: mechanism?.parameters['name'] ?? '',
    clientAddresses: srcIpAddrs,
    endpointAddresses: dstIpAddrs,
    state: state === State.DOWN ? 'down' : 'up',
    peer: peerOf(id) ?? null,
  };
}
