// SPDX-License-Identifier: Apache-2.0
/**
 * A WAN lab: sites as network namespaces, and links between them that can be
 * made slow, lossy or dead while they run. It outlives the process that made it.
 */
import { changed, firstState, isPlain, plainState } from './changes.js';
import { check } from './check.js';
import { Commands } from './commands.js';
import { LabError, LabInputError } from './file/mistakes.js';
import { locked, meantLab, stateOf, taken } from './find.js';
import { checkLab, readLabFile } from './file/read.js';
import { make } from './make.js';
import { Place } from './place.js';
import { namespacesOf, planOf, type CablePlan, type Plan } from './plan.js';
import { processOf } from './process.js';
import { countersAt, statusOf } from './report.js';
import { labNames, StateFolder, type LabState } from './state.js';
import { existing, teardown } from './teardown.js';
import type { Counters, LabFile, LabStatus, LinkChange, LinkReport, Relayed } from './types.js';
import { Relay } from './wires/relay.js';
import { hasNetem, Shaper } from './wires/shaper.js';

/** How a lab is made. */
export interface UpOptions {
  /** Goes before the file's own name. */
  readonly name?: string | undefined;
  /** Stops the making; what was made is taken away. */
  readonly signal?: AbortSignal | undefined;
}

/** See the head of this file. */
export class Lab implements AsyncDisposable {
  readonly name: string;
  readonly file: LabFile;
  readonly #plan: Plan;
  readonly #folder: StateFolder;
  readonly #owned: boolean;

  private constructor(file: LabFile, owned: boolean) {
    this.name = file.metadata.name;
    this.file = file;
    this.#plan = planOf(file);
    this.#folder = new StateFolder(this.name);
    this.#owned = owned;
  }

  /** Make a lab of a file (its path, or what stands in it). Leaves nothing where it fails. */
  static async up(source: LabFile | string, options: UpOptions = {}): Promise<Lab> {
    const read = typeof source === 'string' ? await readLabFile(source) : source;
    const metadata = { name: options.name ?? read.metadata.name };
    const lab = new Lab(checkLab({ ...read, metadata }), true);
    mustBeRoot();
    await lab.#make(options.signal);
    return lab;
  }

  /** A lab that is up, whoever made it; without a name, the one called `default`, or the only one. */
  static async open(name?: string): Promise<Lab> {
    mustBeRoot();
    const meant = name ?? (await meantLab());
    if (meant === undefined) throw new LabError('no lab is up; `wanwire lab up` makes one');
    return new Lab((await stateOf(new StateFolder(meant))).file, false);
  }

  /** The labs there are, half-made ones too. */
  static async names(): Promise<string[]> {
    mustBeRoot();
    return labNames();
  }

  /** Take a lab away, in whatever state it is; false where there is none of that name. */
  static async down(name: string): Promise<boolean> {
    mustBeRoot();
    const folder = new StateFolder(name);
    await using lock = await locked(folder);
    if (lock === undefined) return false;
    await teardown(folder, new Commands(lock));
    return true;
  }

  /** A site's node. */
  node(site: string): Place {
    return this.place(site);
  }

  /** A site's node (`edge`), client or server (`edge/client`). */
  place(name: string): Place {
    const found = this.#plan.places.find(({ place }) => place === name);
    if (found !== undefined) return new Place(name, found.netns);
    const places = this.#plan.places.map(({ place }) => place).join(', ');
    throw new LabInputError(`lab ${this.name} has no ${name}: there are ${places}`);
  }

  /** Change a link (`edge/wan1`) while it runs: its devices, their indices and addresses stay. */
  async set(link: string, change: LinkChange): Promise<void> {
    const { cable } = this.#link(link);
    await using lock = await locked(this.#folder);
    const state = await stateOf(this.#folder);
    if (lock === undefined) throw new LabError(`lab ${this.name} has just been taken down`);
    const before = state.cables[cable.id] ?? firstState(cable);
    const after = changed(cable, before, change);
    const remember = (settled: boolean): Promise<void> => {
      const cables = { ...state.cables, [cable.id]: { ...after, settled } };
      return this.#folder.write({ ...state, cables });
    };
    await remember(false);
    const shaper = new Shaper(new Commands(lock), this.#folder.path, this.#plan, state.netem);
    await shaper.change(cable, before.settled ? before : undefined, after);
    await remember(true);
  }

  /** What the kernel counted at the link's device. */
  async counters(link: string): Promise<Counters> {
    const { cable, end } = this.#link(link);
    return countersAt(cable.ends[end]);
  }

  /** What a link's relay did to each direction's frames; rejects where there is no relay. */
  async relayed(link: string): Promise<{ readonly out: Relayed; readonly in: Relayed }> {
    const { cable, end } = this.#link(link);
    const lanes = await new Relay(this.#folder.path, this.#plan.wires, cable).stats();
    const [out, back] = [lanes[end], lanes[1 - end]].map((lane) => ({
      passed: lane?.passed ?? 0,
      lost: lane?.lost ?? 0,
      dwellMs: (lane?.dwell_ns ?? 0) / 1e6,
    }));
    if (out === undefined || back === undefined) throw new LabError(`${link} has no relay`);
    return { out, in: back };
  }

  /** Everything as it is now. */
  async status(): Promise<LabStatus> {
    return statusOf(this.#plan, await stateOf(this.#folder), this.#folder.path);
  }

  /** Measure what the links do; all of them, or those named. */
  async check(links?: readonly string[]): Promise<readonly LinkReport[]> {
    const state = await stateOf(this.#folder);
    const cables = links?.map((link) => this.#link(link).cable) ?? this.#plan.cables;
    return check(this.#plan, [...new Set(cables)], state);
  }

  /** Take everything away; what runs in the namespaces is ended. Once more does nothing. */
  async down(): Promise<void> {
    await Lab.down(this.name);
  }

  /** Takes it down where this object made it; leaves it where it was opened. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#owned) await this.down();
  }

  #link(link: string): { readonly cable: CablePlan; readonly end: 0 | 1 } {
    for (const cable of this.#plan.cables) {
      const end = cable.ends.findIndex((one) => one.link === link);
      if (end === 0 || (end === 1 && cable.network === undefined)) return { cable, end };
    }
    const all = this.#plan.cables.flatMap(({ ends, network }) =>
      ends.flatMap(({ link: name }, at) => (at === 1 && network !== undefined ? [] : name)),
    );
    throw new LabInputError(
      `lab ${this.name} has no link ${link}: there are ${all.sort().join(', ')}`,
    );
  }

  async #make(signal: AbortSignal | undefined): Promise<void> {
    if (!(await this.#folder.claim())) throw new LabError(await taken(this.#folder));
    await using lock = await locked(this.#folder);
    if (lock === undefined) throw new LabError(`lab ${this.name} was taken down while it was made`);
    const namespaces = namespacesOf(this.#plan);
    const foreign = await existing(namespaces);
    if (foreign.length > 0) {
      await this.#folder.remove();
      const names = foreign.map(({ netns }) => netns).join(', ');
      throw new LabError(
        `lab ${this.name} needs namespaces that are there already: ${names}; ` +
          'take another name (--name), or delete them (ip netns del)',
      );
    }
    const commands = new Commands(lock);
    try {
      await this.#build(commands, namespaces, signal);
    } catch (reason) {
      await teardown(this.#folder, commands);
      signal?.throwIfAborted();
      throw reason;
    }
  }

  async #build(
    commands: Commands,
    namespaces: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const plan = this.#plan;
    const cables = new Map(plan.cables.map((cable) => [cable.id, firstState(cable)]));
    const state: LabState = {
      version: 1,
      phase: 'making',
      maker: (await processOf(process.pid)) ?? { pid: process.pid, started: '' },
      since: new Date().toISOString(),
      file: this.file,
      namespaces,
      netem: false,
      cables: Object.fromEntries(cables),
    };
    await this.#folder.write(state);
    await make(plan, commands, signal);
    const netem = await hasNetem(commands, plan);
    const shaper = new Shaper(commands, this.#folder.path, plan, netem);
    await Promise.all(
      plan.cables.map(async (cable) => {
        const wanted = firstState(cable);
        if (!isPlain(wanted)) await shaper.change(cable, plainState(cable), wanted);
      }),
    );
    signal?.throwIfAborted();
    await this.#folder.write({ ...state, phase: 'up', netem });
  }
}

function mustBeRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new LabError('not root: network namespaces need it; try sudo -E');
}
