// SPDX-License-Identifier: Apache-2.0
/**
 * The peers of this forwarder and the strands to each, kept in the plane's maps
 * as the links on both sides are now.
 *
 * Numbers of peers and strands outlive this process: they are found again by
 * name and by addresses. A strand with other addresses is another strand.
 */
import { status } from '@grpc/grpc-js';
import { WireError } from '../../api/errors/wire-error.js';
import { downReasons, limits } from '../../bpf/loader/layout.js';
import type { TunnelNode } from '../mechanisms/vxlan/node.js';
import type { Link } from '../underlay/link.js';
import { Numbers } from './numbers.js';
import type { Plane } from './plane.js';
import { heldBack } from './strand-words.js';
import { addressBytes, strandsTo, type WantedStrand } from './strands.js';

/** A strand with its number. */
export interface Strand extends WantedStrand {
  readonly id: number;
  readonly peer: number;
}

/** A peer with its number. */
export interface Peer {
  readonly id: number;
  readonly node: TunnelNode;
  strands: readonly Strand[];
}

/** See the head of this file. */
export class Peers {
  readonly #plane: Plane;
  readonly #peers = new Map<string, Peer>();
  readonly #peerIds: Numbers;
  readonly #strandIds: Numbers;
  /** By peer and addresses; also those that a former life made. */
  readonly #ids = new Map<string, number>();
  /** As last written into the maps. */
  readonly #down = new Map<number, number>();
  readonly #byOperator = new Set<number>();
  /** What passes by a strand where that is less than its devices carry. */
  readonly #limits = new Map<number, number>();
  /** Lost their carrier, and nobody asked yet. */
  readonly #lost = new Set<number>();

  constructor(plane: Plane) {
    this.#plane = plane;
    this.#peerIds = new Numbers('peers', 1 << 16);
    this.#strandIds = new Numbers('strands', limits.strands);
    for (const [id, { name = '' }] of plane.namesOf('peer')) this.#peerIds.take(id, name);
    for (const [{ value: id }, found] of plane.tables.strands.entries()) {
      if (found.device === 0) continue;
      const key = strandKey(found.peer, found.local, found.remote);
      this.#strandIds.take(id, key);
      this.#ids.set(key, id);
      this.#down.set(id, found.down);
      this.#limits.set(id, found.mtu);
      if (found.down & downReasons.operator) this.#byOperator.add(id);
    }
  }

  get all(): readonly Peer[] {
    return [...this.#peers.values()];
  }

  get(name: string): Peer | undefined {
    return this.#peers.get(name);
  }

  /** Every strand there is. */
  get strands(): readonly Strand[] {
    return this.all.flatMap(({ strands }) => strands);
  }

  /** Whether any strand to the peer can be used. */
  usable(name: string): boolean {
    const strands = this.#peers.get(name)?.strands ?? [];
    return strands.some(({ id }) => this.down(id) === 0);
  }

  /** The same, and probes are answered on it as far as is known. */
  answers(name: string): boolean {
    const strands = this.#peers.get(name)?.strands ?? [];
    return strands.some(({ id }) => this.down(id) === 0 && !this.#plane.strands.silent(id));
  }

  /** Why a strand is not used: bits of `downReasons`, the operator's too. */
  down(id: number): number {
    return this.#down.get(id) ?? downReasons.address;
  }

  /** The same as {@link down}, with a carrier that was lost for a moment since this was last asked. */
  takeDown(id: number): number {
    return this.down(id) | (this.#lost.delete(id) ? downReasons.carrier : 0);
  }

  /** Know what a peer told of itself; says whether it is news. */
  set(node: TunnelNode): boolean {
    const before = this.#peers.get(node.name);
    if (before && JSON.stringify(before.node) === JSON.stringify(node)) return false;
    const id = before?.id ?? this.#peerIds.of(node.name);
    this.#peers.set(node.name, { id, node, strands: before?.strands ?? [] });
    this.#plane.setName('peer', id, { name: node.name, site: node.site });
    return true;
  }

  /** Forget a peer that no wire goes to; its strands go with it. */
  remove(name: string): void {
    const peer = this.#peers.get(name);
    if (peer === undefined) return;
    for (const { id } of peer.strands) this.#drop(id);
    this.#peers.delete(name);
    this.#peerIds.free(peer.id);
    this.#plane.setName('peer', peer.id, undefined);
  }

  /** The ways that outer packets are to have with these links. */
  ways(links: readonly Link[]): readonly WantedStrand[] {
    return this.all.flatMap(({ node }) => strandsTo(node, links));
  }

  /** Make every peer's strands what they should be with these links; whether they are others than before. */
  converge(links: readonly Link[], deviceOf: (node: TunnelNode) => number): boolean {
    let isOther = false;
    for (const peer of this.#peers.values()) {
      const before = peer.strands;
      peer.strands = strandsTo(peer.node, links).map((wanted) => {
        const strand = { ...wanted, id: this.#idOf(peer, wanted), peer: peer.id };
        this.#write(peer, strand, deviceOf(peer.node));
        return strand;
      });
      const kept = new Set(peer.strands.map(({ id }) => id));
      for (const { id } of before) if (!kept.has(id)) this.#drop(id);
      isOther ||= tableText(before) !== tableText(peer.strands);
    }
    return isOther;
  }

  /** Use no strand of a link that went down, at once; the rest follows with {@link converge}. */
  drop(links: readonly Link[]): void {
    const up = new Set(links.filter((link) => link.up).map(({ id }) => id));
    for (const { id, link, down } of this.strands) {
      if (!up.has(link.id)) this.#setDown(id, down | downReasons.carrier);
    }
  }

  /** Take away what a former life had and nobody knows any more. Run once, after adoption. */
  prune(): void {
    const known = new Set(this.strands.map(({ id }) => id));
    for (const id of [...this.#ids.values()]) if (!known.has(id)) this.#drop(id);
    for (const [id, { name = '' }] of this.#plane.namesOf('peer')) {
      if (!this.#peers.has(name)) {
        this.#peerIds.free(id);
        this.#plane.setName('peer', id, undefined);
      }
    }
  }

  /** The largest inner packet of a strand; of one that a former life made, what that one found. */
  mtu(id: number): number | undefined {
    const strand = this.strands.find((one) => one.id === id);
    return strand && Math.min(strand.mtu, this.#limits.get(id) ?? Infinity);
  }

  /** From now on no larger packets by a strand, whatever its devices carry; `undefined`: as they do. */
  limit(id: number, mtu: number | undefined): void {
    if (this.#limits.get(id) === mtu) return;
    if (mtu === undefined) this.#limits.delete(id);
    else this.#limits.set(id, mtu);
    const now = this.mtu(id);
    const found = this.#plane.tables.strands.get({ value: id });
    if (now === undefined || found === undefined || found.mtu === now) return;
    this.#plane.strands.place(id, { device: found.device, link: found.link, mtu: now });
  }

  /** The operator's hand on one strand; says whether that changed anything. */
  setByOperator(name: string, up: boolean): boolean {
    const strand = this.strands.find((one) => one.name === name);
    if (strand === undefined) {
      const known = this.strands.map((one) => one.name).join(', ') || 'none';
      throw new WireError(status.NOT_FOUND, `strand "${name}" is not known: want one of ${known}`);
    }
    if (this.#byOperator.has(strand.id) !== up) return false;
    if (up) this.#byOperator.delete(strand.id);
    else this.#byOperator.add(strand.id);
    this.#setDown(strand.id, strand.down);
    return true;
  }

  #idOf({ id: peer }: Peer, { local, remote }: WantedStrand): number {
    const key = strandKey(peer, addressBytes(local), addressBytes(remote));
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#strandIds.of(key);
    this.#ids.set(key, id);
    return id;
  }

  #write(peer: Peer, strand: Strand, device: number): void {
    const { id, link, family, peerLink, name } = strand;
    const mtu = Math.min(strand.mtu, this.#limits.get(id) ?? Infinity);
    const [local, remote] = [addressBytes(strand.local), addressBytes(strand.remote)];
    const down = strand.down | (this.#byOperator.has(id) ? downReasons.operator : 0);
    const { tables, strands } = this.#plane;
    const place = { device, link: link.id, mtu };
    const found = this.#down.has(id) ? tables.strands.get({ value: id }) : undefined;
    if (found === undefined) {
      tables.paths.set({ local, remote }, { strand: id, peer: peer.id });
      strands.make(id, { ...place, local, remote, peer: peer.id, family, down });
    } else if (found.device !== device || found.link !== link.id || found.mtu !== mtu) {
      strands.place(id, place);
    }
    this.#setDown(id, strand.down);
    this.#plane.setName('strand', id, {
      link: link.config.name,
      peerLink,
      peer: peer.node.name,
      name,
    });
  }

  #setDown(id: number, reasons: number): void {
    const down = reasons | (this.#byOperator.has(id) ? downReasons.operator : 0);
    const before = this.#down.get(id) ?? 0;
    if (before === down && this.#down.has(id)) return;
    const { strands } = this.#plane;
    strands.setDown(id, down);
    // Its sessions come home one by one when the link is back, not all with the first packet.
    if (down & ~before & downReasons.carrier) {
      strands.setAvoid(id, strands.avoid(id) | heldBack);
      this.#lost.add(id);
    }
    this.#down.set(id, down);
  }

  #drop(id: number): void {
    this.#plane.strands.setDown(id, downReasons.address);
    const found = this.#plane.tables.strands.get({ value: id });
    if (found !== undefined) {
      const { local, remote } = found;
      this.#plane.tables.paths.delete({ local, remote });
      this.#ids.delete(strandKey(found.peer, local, remote));
    }
    this.#plane.strands.end(id);
    this.#plane.setName('strand', id, undefined);
    this.#strandIds.free(id);
    this.#down.delete(id);
    this.#byOperator.delete(id);
    this.#limits.delete(id);
    this.#lost.delete(id);
  }
}

function strandKey(peer: number, local: Uint8Array, remote: Uint8Array): string {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  return `${String(peer)}:${hex(local)}:${hex(remote)}`;
}

/** What slot tables are made of. */
function tableText(strands: readonly Strand[]): string {
  return JSON.stringify(strands.map(({ id, link }) => [id, link.config]));
}
