// SPDX-License-Identifier: Apache-2.0
/**
 * Steers: keeps the plane's maps as wires, peers, links and policies are.
 *
 * Every change runs in line with the others. What only adds (a wire, a peer)
 * is written into the bank in force; everything else is written into the other
 * bank, which then comes in force from one packet to the next. What is as
 * wished is not written.
 *
 * Leaves: the plane. A new life adds its wires again, which finds them there,
 * and then prunes.
 */
import type { Logger } from '../../api/log/log.js';
import type { ServicePolicy } from '../../api/site/classes.js';
import type { Attachment } from '../../bpf/loader/attach.js';
import { limits } from '../../bpf/loader/layout.js';
import type { TunnelNode } from '../mechanisms/vxlan/node.js';
import type { Underlay } from '../underlay/underlay.js';
import { addPeer, addWire, writeBank, type BankContent } from './bank.js';
import { Numbers } from './numbers.js';
import { Peers } from './peers.js';
import type { Plane } from './plane.js';
import { RuleSets } from './rule-sets.js';
import { Sessions } from './sessions.js';
import { TunnelDevices } from './tunnel-devices.js';
import { isElsewhere, wireEntry, wireName, type SteeredWire } from './wire.js';
import { enterWire, forgetWire } from './wire-tables.js';

/** What steering works with. */
export interface SteeringOptions {
  readonly plane: Plane;
  readonly underlay: Pick<Underlay, 'links' | 'route' | 'tunnelDevice' | 'keepTunnels'>;
  /** In force from the start; over what a former life steered, from {@link Steering.prune}. */
  readonly policies: readonly ServicePolicy[];
  /** Told when outer packets may find their links in another way than before. */
  readonly routed?: () => void;
  /** UDP port of our own tunnels. */
  readonly port: number;
  readonly log: Logger;
}

interface Known {
  readonly number: number;
  readonly wire: SteeredWire;
  readonly ruleSet: number;
  readonly attachment: Attachment;
}

/** See the head of this file. */
export class Steering {
  readonly plane: Plane;
  readonly peers: Peers;
  readonly sessions: Sessions;
  readonly #options: SteeringOptions;
  readonly #ruleSets: RuleSets;
  readonly #numbers: Numbers;
  readonly #wires = new Map<string, Known>();
  readonly #devices: TunnelDevices;
  /** A former life's tables are in force: nothing but numbers is read from them, and nothing written. */
  #adopting: boolean;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(options: SteeringOptions) {
    this.#options = options;
    this.plane = options.plane;
    this.peers = new Peers(options.plane);
    this.sessions = new Sessions(options.plane);
    this.#ruleSets = new RuleSets(options.plane, options.policies);
    this.#adopting = options.plane.generation > 0;
    this.#devices = new TunnelDevices(options.plane, options.underlay, options.port);
    this.#numbers = new Numbers('steered wires', limits.wires);
    for (const [number, { id = '' }] of options.plane.namesOf('wire')) {
      this.#numbers.take(number, id);
    }
  }

  /** Take the plane over. Add the wires of a former life, then {@link prune}. */
  static async open(options: SteeringOptions): Promise<Steering> {
    const steering = new Steering(options);
    await steering.#devices.ready(options.port);
    if (!steering.#adopting) await steering.#renew();
    return steering;
  }

  /** The wire of a connection. */
  get(id: string): SteeredWire | undefined {
    return this.#wires.get(id)?.wire;
  }

  /** The number of a connection's wire in the maps. */
  numberOf(id: string): number | undefined {
    return this.#wires.get(id)?.number;
  }

  /** All of them. */
  get wires(): readonly SteeredWire[] {
    return [...this.#wires.values()].map(({ wire }) => wire);
  }

  /** What packets are steered by. */
  get rules(): Pick<RuleSets, 'all' | 'slas'> {
    return this.#ruleSets;
  }

  /** A former life's tables are still in force: its wires and peers are not all known again. */
  get isAdopting(): boolean {
    return this.#adopting;
  }

  /** Whether packets of the wire can leave. */
  usable(id: string): boolean {
    const wire = this.get(id);
    return wire !== undefined && this.peers.usable(wire.peer.name);
  }

  /** These policies and no others, from one packet to the next; the number of the generation. */
  setPolicies(policies: readonly ServicePolicy[]): Promise<number> {
    return this.inLine(async () => {
      this.#ruleSets.set(policies, new Set([...this.#wires.values()].map((one) => one.ruleSet)));
      const generation = await this.#renew();
      for (const known of this.#wires.values()) this.#point(known);
      return generation;
    });
  }

  /** What is true of links now; call it whenever the underlay tells of a change. */
  linksChanged(): Promise<void> {
    this.peers.drop(this.#options.underlay.links);
    return this.inLine(async () => {
      await this.#converge();
    });
  }

  /** Whether a VNI is free between us and that peer. */
  isFree(vni: number, peer: string, id: string): boolean {
    return ![...this.#wires.values()].some(
      ({ wire }) => wire.vni === vni && wire.peer.name === peer && wire.id !== id,
    );
  }

  /** Steer it so. */
  add(wire: SteeredWire): Promise<void> {
    return this.inLine(async () => {
      const before = this.#wires.get(wire.id);
      const same = before !== undefined && JSON.stringify(before.wire) === JSON.stringify(wire);
      await this.#meet(wire.peer);
      if (same) return;
      if (before && isElsewhere(before.wire, wire)) await this.#remove(wire.id, wire.peer.name);
      await this.#write(wire);
    });
  }

  /** Steer it no more; an unknown one is none already. */
  remove(id: string): Promise<void> {
    return this.inLine(() => this.#remove(id));
  }

  /** Forget what a former life steered and nobody added again. */
  prune(): Promise<void> {
    return this.inLine(async () => {
      for (const [number, { id = '' }] of this.plane.namesOf('wire')) {
        if (!this.#wires.has(id)) this.#forget(number, undefined);
      }
      this.peers.prune();
      this.sessions.purge(this.#inUse());
      this.#adopting = false;
      await this.#converge(true);
      await this.#renew();
      await this.#devices.prune();
    });
  }

  /** The operator's hand on a strand; `judge` is called before sessions are decided anew. */
  setStrand(name: string, up: boolean, judge: () => void = () => undefined): Promise<void> {
    return this.inLine(async () => {
      if (!this.peers.setByOperator(name, up)) return;
      judge();
      if (up) await this.#renew();
    });
  }

  /** Know what a peer says of itself. */
  async #meet(node: TunnelNode): Promise<void> {
    const isNew = this.peers.get(node.name) === undefined;
    if (!this.peers.set(node)) return;
    await this.#devices.ready(node.port);
    await this.#converge(isNew);
    const peer = this.peers.get(node.name);
    const strands = peer?.strands.map(({ name }) => name);
    this.#options.log.info({ peer: node.name, strands }, 'strands to a peer');
    if (isNew && peer && !this.#adopting) addPeer(this.plane, this.#bank, peer, this.#ruleSets.all);
  }

  async #converge(onlyAdds = false): Promise<void> {
    const { links } = this.#options.underlay;
    for (const { id, config } of links) {
      const { name, network, device } = config;
      this.plane.setName('link', id, { name, class: config.class, network, device });
    }
    // First: a packet of a new strand must not leave by another link.
    await this.#route();
    // A strand that may be used again needs no new tables: sessions go home as it is let (see quality/).
    const isOther = this.peers.converge(links, ({ port }) => this.#devices.indexFor(port));
    if (isOther && !onlyAdds) await this.#renew();
  }

  async #route(): Promise<void> {
    // What a former life routed stays until all its peers are known again.
    if (this.#adopting) return;
    const { underlay } = this.#options;
    await underlay.route(this.peers.ways(underlay.links));
    this.#options.routed?.();
  }

  /** Let a wire use the rule set that its service has now. Every bank has the old one still. */
  #point(known: Known): void {
    const { id } = this.#ruleSets.get(known.wire.service);
    const entry = this.plane.tables.wires.get({ value: known.number });
    if (entry === undefined || entry.policy === id) return;
    this.plane.tables.wires.set({ value: known.number }, { ...entry, policy: id });
    this.#wires.set(known.wire.id, { ...known, ruleSet: id });
  }

  async #write(wire: SteeredWire): Promise<void> {
    const peer = this.peers.get(wire.peer.name);
    if (peer === undefined) throw new TypeError('a wire without a peer');
    const number = this.#number(wire.id);
    const ruleSet = this.#ruleSets.get(wire.service);
    // The program first: without an entry it lets nothing through.
    const attachment = await this.plane.attach('wire_tx', wire.port.ifindex);
    this.plane.setName('wire', number, wireName(wire));
    const labelled = { number, ruleSet: ruleSet.id, wire };
    if (!this.#adopting) addWire(this.plane, this.#bank, labelled, ruleSet);
    enterWire(this.plane, number, wireEntry(wire, ruleSet.id, peer.id));
    this.#wires.set(wire.id, { number, wire, ruleSet: ruleSet.id, attachment });
  }

  async #remove(id: string, stays?: string): Promise<void> {
    const known = this.#wires.get(id);
    if (known === undefined) return;
    this.#forget(known.number, known.attachment);
    this.#wires.delete(id);
    const { name } = known.wire.peer;
    if (name !== stays && ![...this.#wires.values()].some(({ wire }) => wire.peer.name === name)) {
      this.peers.remove(name);
      await this.#route();
    }
    await known.attachment.detach();
  }

  /** Take the wire of that number out of every map. */
  #forget(number: number, attachment: Attachment | undefined): void {
    const port = forgetWire(this.plane, number);
    this.sessions.unpinAll(number);
    this.#numbers.free(number);
    if (attachment === undefined && port !== undefined) this.plane.unpin('wire_tx', port);
  }

  /** A number whose last wire has left no session behind. */
  #number(id: string): number {
    const known = this.#numbers.find(id);
    if (known !== undefined) return known;
    const { rounds } = this.#numbers;
    const number = this.#numbers.of(id);
    // From now on numbers are given again: the sessions of their former wires must go.
    if (this.#numbers.rounds !== rounds) this.sessions.purge(this.#inUse());
    return number;
  }

  #inUse(): ReadonlySet<number> {
    return new Set([...this.#wires.values()].map((one) => one.number));
  }

  /** Write the bank that is not in force, and put it in force. */
  async #renew(): Promise<number> {
    if (this.#adopting) return this.plane.generation;
    await this.plane.settled();
    writeBank(this.plane, 1 - this.#bank, this.#content());
    const generation = this.plane.flip();
    this.#options.log.debug({ generation }, 'tables in force');
    return generation;
  }

  #content(): BankContent {
    const wires = [...this.#wires.values()];
    return { ruleSets: this.#ruleSets.all, peers: this.peers.all, wires };
  }

  get #bank(): number {
    return this.plane.generation & 1;
  }

  /** Change something in line with all other changes. */
  inLine<T>(change: () => T | Promise<T>): Promise<T> {
    const run = this.#turn.then(change);
    this.#turn = run.catch(() => undefined);
    return run;
  }
}
