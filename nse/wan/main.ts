// SPDX-License-Identifier: Apache-2.0
/**
 * The endpoint of a site: one process that answers for all of its WAN services,
 * and keeps its registry's entries as the site's files are.
 */
import { systemClock } from '../../api/chain/clock.js';
import { Deadline } from '../../api/chain/deadline.js';
import { ipOf, pathOf, previousSegment, timestampMs } from '../../api/chain/connection.js';
import type { Chain } from '../../api/chain/element.js';
import { State } from '../../api/chain/state.js';
import { invalid } from '../../api/errors/wire-error.js';
import type { Connection } from '../../api/gen/connection.js';
import { openSecurity } from '../../api/identity/security.js';
import type { Logger } from '../../api/log/log.js';
import { watchSiteFiles } from '../../api/site/watch.js';
import { answer } from '../answer.js';
import type { Config } from '../config.js';
import { dns } from '../elements/dns.js';
import { lifetime } from '../lifetime.js';
import { gateway, gatewayParameters, isOtherForWires } from './gateway.js';
import type { LinkFigures } from './link-labels.js';
import { LinkQualities } from './link-qualities.js';
import { watchLinks } from './link-watch.js';
import { Memory } from './memory.js';
import { planOf, type Plan } from './plan.js';
import { Registrations } from './registrations.js';

/** A site's endpoint that is registered and answers. */
export interface Running {
  readonly urls: readonly string[];
  /** It is to be started anew: there is a gateway now, or none any more, or another site's. */
  readonly outdated?: Promise<string>;
  close(): Promise<void>;
}

const clock = systemClock;
/** What taking up one wire again may take. */
const againMs = 5_000;

/** Start it; resolves when it is registered. `signal` ends it, also before that. */
export async function startWan(
  config: Config,
  log: Logger,
  signal?: AbortSignal,
): Promise<Running> {
  const { NSM_NAME: name, NSM_MAX_TOKEN_LIFETIME: lifeMs } = config;
  const { value: urls, close } = await lifetime(signal, async (undo, mayGoOn) => {
    const files = await watchSiteFiles(config.WANWIRE_SITE_FILE, { log, clock });
    undo.push(() => {
      files[Symbol.dispose]();
    });
    const { site } = files.current;
    if (site.gateway === undefined) {
      throw invalid('spec.gateway', undefined, `a gateway: without one ${site.name} serves nobody`);
    }
    const security = await openSecurity(config, { name, clock, log, signal });
    undo.push(() => {
      security[Symbol.dispose]();
    });
    signal?.throwIfAborted();
    const memory = new Memory(config.WANWIRE_STATE_DIR, log);
    let changed: readonly string[] = [];
    const answering = await answer(
      {
        name,
        elements: [dns(config.NSM_DNS_CONFIGS), memory.element()],
        ipam: gateway(() => files.current.site.gateway),
        parameters: gatewayParameters,
        prepare: async (chain) => {
          changed = await takeUp(memory, chain, lifeMs, log);
        },
        connectTo: config.NSM_CONNECT_TO,
        security,
        heldMs: config.WANWIRE_HOLD,
        clock,
        log,
      },
      undo,
    );
    mayGoOn();
    const registrations = new Registrations({
      registries: answering.registries,
      url: answering.urls[0] ?? '',
      inUse: () => memory.endpoints,
      clock,
      log,
    });
    undo.push(() => registrations.close({ unregister: config.NSM_UNREGISTER_ITSELF }));
    const qualities = new LinkQualities(clock, () => apply());
    const plan = (): Plan => planOf(files.current, (link) => qualities.labelsOf(link));
    const apply = (): void => void registrations.apply(plan());
    undo.push(() => qualities[Symbol.dispose]());
    const { events } = answering;
    for (const id of changed) events.askForRefresh(id);
    let told = site.gateway;
    files.onChange(({ site: now }) => {
      apply();
      if (isOtherForWires(told, now.gateway))
        for (const { id } of events.all) events.askForRefresh(id);
      told = now.gateway ?? told;
    });
    memory.onGone = () => registrations.released();
    await registrations.apply(plan());
    await registrations.ready();
    // Not before: an entry with other labels takes the place of one that is not ready yet.
    const socket = config.WANWIRE_FORWARDER_SOCKET;
    if (socket !== undefined) {
      const told = (links: readonly LinkFigures[]): void => qualities.learn(links);
      const watch = watchLinks({ socket, told, clock, log });
      undo.push(() => watch[Symbol.dispose]());
    }
    return answering.urls;
  });
  return { urls, close };
}

/**
 * The wires of a former life, asked for again as their clients last did, with the time that a new
 * token gives. Those that have other routes now than they know.
 */
async function takeUp(
  memory: Memory,
  chain: Chain,
  lifeMs: number,
  log: Logger,
): Promise<readonly string[]> {
  const changed: string[] = [];
  for (const connection of memory.load()) {
    try {
      const answer = await requestAgain(connection, chain, lifeMs, log);
      if (routesOf(answer) !== routesOf(connection)) changed.push(connection.id);
    } catch (reason) {
      log.info({ conn: connection.id, err: reason }, 'a remembered wire is not taken up again');
      memory.forget(connection.id);
    }
  }
  return changed;
}

function routesOf(connection: Connection): string {
  return JSON.stringify(ipOf(connection).srcRoutes.map(({ prefix }) => prefix));
}

async function requestAgain(
  connection: Connection,
  chain: Chain,
  lifeMs: number,
  log: Logger,
): Promise<Connection> {
  using deadline = new Deadline(clock, againMs);
  const expires = previousSegment(connection)?.expires;
  const expiresMs = Math.max(expires ? timestampMs(expires) : 0, clock.now() + lifeMs);
  const nothing = { request: () => Promise.resolve(), close: () => Promise.resolve() };
  const call = {
    signal: deadline.signal,
    deadlineMs: deadline.atMs,
    log,
    clock,
    state: new State(),
    again: nothing,
    ...(pathOf(connection).index === 0 ? {} : { token: { token: '', expiresMs } }),
  };
  return await chain.request(call, { connection, mechanismPreferences: [] });
}
