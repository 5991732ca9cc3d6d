// SPDX-License-Identifier: Apache-2.0
/**
 * A site on one machine: its manager, its forwarder and, where it is a gateway,
 * its endpoint, started in this order and ended in this order too: a process that
 * asks another ends before it. To other sites this one is away from the first
 * moment, and wires to a site that is away are held; a site that answers without
 * a forwarder or an endpoint would have its wires made anew.
 *
 * Wires stay as they are: they carry without any process, and the next start
 * takes them over.
 */
import type { Clock } from '../../api/chain/clock.js';
import type { Environment } from '../../api/env/read-environment.js';
import { invalid } from '../../api/errors/wire-error.js';
import type { Logger } from '../../api/log/log.js';
import { servicesOf } from '../../api/site/classes.js';
import { SiteError } from '../../api/site/site-error.js';
import type { SiteFiles } from '../../api/site/types.js';
import type { SiteWatch } from '../../api/site/watch.js';
import type { Running } from '../live.js';
import type { Launch } from './child.js';
import { claim, type Claim } from './claim.js';
import { putInForce } from './in-force.js';
import { Keeper } from './keeper.js';
import { endpointName, placeOf, type Place, type Role, rolesOf } from './roles.js';

/** What {@link openBox} works with. */
export interface BoxOptions {
  readonly paths: readonly string[];
  readonly files: SiteWatch;
  /** /run/wanwire/SITE where not given. */
  readonly directory: string | undefined;
  readonly env: Environment;
  readonly launch: Launch;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told why a changed file is not applied. */
  readonly complain: (reason: unknown) => void;
}

/** Start the site; resolves when all its processes are ready, rejects and leaves nothing where one is not. */
export async function openBox(options: BoxOptions, signal: AbortSignal): Promise<Running> {
  const { paths, files, clock, log } = options;
  const { name } = files.current.site;
  const place = placeOf(name, options.directory);
  const own = await claim(place.directory, { clock, log });
  const box = new Box(options, place, own);
  const stop = (): void => void box.close();
  try {
    const inForce = await putInForce(paths, place.file);
    signal.throwIfAborted();
    signal.addEventListener('abort', stop, { once: true });
    await box.start(inForce);
    signal.throwIfAborted();
  } catch (reason) {
    await box.close();
    signal.throwIfAborted();
    throw reason;
  }
  signal.removeEventListener('abort', stop);
  files.onChange(() => box.changed());
  return { urls: whatServesWhere(files.current, place), close: () => box.close() };
}

class Box {
  readonly #options: BoxOptions;
  readonly #place: Place;
  readonly #claim: Claim;
  readonly #keepers: Keeper[] = [];
  #turn: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(options: BoxOptions, place: Place, own: Claim) {
    this.#options = options;
    this.#place = place;
    this.#claim = own;
  }

  async start({ site }: SiteFiles): Promise<void> {
    for (const role of rolesOf(site, this.#place, this.#options.env)) {
      if (this.#closing !== undefined) return;
      await this.#keeper(role).start();
    }
  }

  /** The files are others: put them in force, and start or end what they ask for or not. */
  changed(): void {
    const { complain } = this.#options;
    this.#turn = this.#turn
      .then(() => this.#apply())
      .catch((reason: unknown) => {
        // Who watches the files tells of their mistakes.
        if (!(reason instanceof SiteError)) complain(reason);
      });
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #apply(): Promise<void> {
    const { paths, env, log } = this.#options;
    if (this.#isClosing()) return;
    const { site } = await putInForce(paths, this.#place.file, (now) => this.#renamed(now));
    log.info({ file: this.#place.file }, 'changed files are in force');
    const wanted = rolesOf(site, this.#place, env);
    for (const keeper of this.#keepers.toReversed()) {
      if (!wanted.some(({ name }) => name === keeper.role.name)) await this.#end(keeper);
    }
    for (const role of wanted) {
      const known = this.#keepers.some((keeper) => keeper.role.name === role.name);
      if (!known && !this.#isClosing()) await this.#keeper(role).start();
    }
  }

  /** All names and places follow from the site's. */
  #renamed({ site }: SiteFiles): Error | undefined {
    const [manager] = this.#keepers;
    const name = manager?.role.env['NSM_NAME'];
    if (name === undefined || site.name === name) return undefined;
    return invalid('metadata.name', site.name, `${name}, until wanwire up is started anew`);
  }

  #keeper(role: Role): Keeper {
    const { launch, clock, log } = this.#options;
    const keeper = new Keeper({ role, launch, clock, log, onChange: () => this.#note() });
    this.#keepers.push(keeper);
    return keeper;
  }

  async #end(keeper: Keeper): Promise<void> {
    await keeper.end();
    this.#keepers.splice(this.#keepers.indexOf(keeper), 1);
  }

  #note(): void {
    const pids = this.#keepers.flatMap(({ pid }) => pid ?? []);
    this.#claim.note(pids).catch((reason: unknown) => {
      this.#options.log.warn({ err: reason }, 'the processes are not noted');
    });
  }

  #isClosing(): boolean {
    return this.#closing !== undefined;
  }

  async #close(): Promise<void> {
    for (const keeper of this.#keepers) await keeper.end();
    await this.#turn;
    // What a change had begun meanwhile.
    for (const keeper of this.#keepers) await keeper.end();
    await this.#claim.close();
  }
}

function whatServesWhere(files: SiteFiles, place: Place): readonly string[] {
  const { site } = files;
  const listens = [place.managerUrl, ...site.control.map((one) => `tcp://${one}`)];
  const services = servicesOf(files).map(({ service }) => service);
  return [
    `manager on ${listens.join(' and ')}`,
    `forwarder on ${place.forwarderUrl}`,
    ...(site.gateway === undefined
      ? []
      : [`endpoint ${endpointName(site.name)} for ${services.join(' ')}`]),
  ];
}
