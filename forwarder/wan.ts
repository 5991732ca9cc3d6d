// SPDX-License-Identifier: Apache-2.0
/**
 * The WAN side of a node, where its site's file says that it has one: links,
 * data plane, policies; kept as the file is, from now on.
 */
import { join } from 'node:path';
import { systemClock } from '../api/chain/clock.js';
import type { ConnectionEvents } from '../api/elements/connection-events.js';
import type { Logger } from '../api/log/log.js';
import { servicesOf } from '../api/site/classes.js';
import { perhapsSite } from '../api/site/perhaps.js';
import type { SiteFiles } from '../api/site/types.js';
import { version } from '../api/version.js';
import { watchSiteFiles, type SiteWatch } from '../api/site/watch.js';
import { bpfDirectory } from '../bpf/loader/bpffs.js';
import { stopProber } from '../bpf/prober/prober.js';
import type { Wan } from './chain.js';
import { stateFolder, type Config } from './config.js';
import type { Place } from './namespaces/namespaces.js';
import { Gateway } from './gateway/gateway.js';
import { nodeOf } from './mechanisms/vxlan/self.js';
import { NodePolicies } from './operator/node-policies.js';
import { AppliedPolicies } from './operator/policies.js';
import { serveOperator } from './operator/server.js';
import { Changes } from './operator/changes.js';
import { ToldWires } from './operator/wire-answer.js';
import { figuresOf, metricsOf } from './quality/figures.js';
import { Journal } from './quality/journal.js';
import { LinkNews } from './quality/link-news.js';
import { keptProber } from './quality/prober-care.js';
import { UsageFile } from './quality/usage-file.js';
import { Watcher } from './quality/watcher.js';
import { AskAgain } from './steering/again.js';
import { hand } from './steering/hand.js';
import { Plane } from './steering/plane.js';
import { Reach } from './steering/reach.js';
import { SessionFeed } from './steering/session-feed.js';
import { MoveCounting } from './steering/session-moves.js';
import { Stamps } from './steering/stamps.js';
import { Steering } from './steering/steering.js';
import { Underlay } from './underlay/underlay.js';

/** What {@link openWan} works with; what ends it is added to `undo`. */
export interface WanOptions {
  readonly config: Config;
  readonly files: SiteWatch;
  readonly home: Place;
  readonly events: ConnectionEvents;
  /** Of who asked for a wire. */
  readonly identityOf: (id: string) => string | undefined;
  readonly log: Logger;
  readonly undo: (() => unknown)[];
}

/** The site's files, watched, and where they may be missing, when that is otherwise; nothing where none is given. */
export async function siteFiles(
  { WANWIRE_SITE_FILE: paths, WANWIRE_SITE_OPTIONAL: optional }: Config,
  log: Logger,
  undo: (() => unknown)[],
): Promise<{ readonly files?: SiteWatch | undefined; readonly outdated?: Promise<string> }> {
  if (paths.length === 0) return {};
  const clock = systemClock;
  const site = optional
    ? await perhapsSite(paths, { log, clock })
    : { files: await watchSiteFiles(paths, { log, clock }) };
  undo.push(() => {
    if ('outdated' in site) site[Symbol.dispose]();
    else site.files[Symbol.dispose]();
  });
  return site;
}

/** The node's WAN side. */
export async function openWan(options: WanOptions): Promise<Wan> {
  const { config, files, home, events, identityOf, log, undo } = options;
  const { NSM_NAME: name } = config;
  const own = <T extends Disposable>(part: T): T => {
    undo.push(() => {
      part[Symbol.dispose]();
    });
    return part;
  };
  const { site } = files.current;
  const underlay = own(await Underlay.start({ forwarder: name, log, links: site.links }));
  const directory = config.WANWIRE_BPF_DIR ?? (await bpfDirectory(name));
  const plane = own(
    await Plane.open({
      directory,
      log,
      sessions: config.WANWIRE_MAX_SESSIONS,
      insertRate: config.WANWIRE_INSERT_RATE,
      stampPort: config.WANWIRE_STAMP_PORT,
    }),
  );
  const stamps = new Stamps(plane, log);
  await stamps.follow(underlay.links);
  const port = site.vxlanPort;
  const applied = AppliedPolicies.open(join(stateFolder(config), 'policies'), log);
  const enforce = (all: SiteFiles): Promise<number> => steering.setPolicies(servicesOf(all));
  const changes: Changes = new Changes(() => {
    const counting = moves.begin(() => changes.count('moves'));
    const following = news.follow(() => changes.count('links'));
    return {
      [Symbol.dispose]: () => {
        counting[Symbol.dispose]();
        following[Symbol.dispose]();
      },
    };
  });
  const policies = new NodePolicies({
    ...{ applied, site: files.current, enforce, log },
    changed: () => {
      changes.count('policies');
    },
  });
  const first = servicesOf(policies.files);
  const about = { name, site: site.name, version };
  const path = join(stateFolder(config), 'operator.sock');
  const routed = (): void => {
    plane.setName('node', 0, { ...about, routing: underlay.routing, operator: path });
  };
  const steering = await Steering.open({ plane, underlay, port, policies: first, routed, log });
  undo.push(async () => {
    // With a wire left all stays, and carries it.
    if (steering.wires.length > 0) return;
    await stopProber(directory);
    await stamps.follow([]);
    plane.remove();
    await underlay.keepTunnels([]);
  });
  const folder = stateFolder(config);
  const prober = keptProber(directory, log);
  await prober.start();
  const holdMs = config.WANWIRE_HOLD;
  const reach = new Reach({
    ...{ steering, peers: steering.peers, events, holdMs, clock: systemClock },
    answers: (peer) => steering.peers.answers(peer),
    figures: (peer) => metricsOf(figuresOf(watcher.figures(peer))),
  });
  const watcher = own(
    new Watcher({
      ...{ plane, steering, prober, log, clock: systemClock },
      judged: () => {
        reach.look();
        news.look();
      },
      changed: () => {
        changes.count('links');
      },
      links: () => underlay.links,
      journal: new Journal({ folder, log }),
      usage: new UsageFile(folder, log),
    }),
  );
  const news = new LinkNews({
    links: () => underlay.links,
    strands: () => watcher.figures(),
    now: () => systemClock.now(),
  });
  const gateway = new Gateway({ forwarder: name, log });
  const again = new AskAgain(log);
  const retell = (): void => {
    again.all();
    for (const { id, leader } of steering.wires) if (!leader) events.askForRefresh(id);
  };
  const node = { name: `${name}@${site.name}`, site: site.name, port, home };
  const self = { ...node, links: () => underlay.links, steering };
  const wan = { steering, gateway, again, self, holdMs, reach };
  underlay.onChange(() => void stamps.follow(underlay.links));
  followLinks(wan, underlay, retell, log);
  followFiles({ steering, underlay, files, policies, log });
  const addressesOf = (wire: string): readonly string[] =>
    events.get(wire)?.context?.ipContext?.srcIpAddrs ?? [];
  const feed = own(new SessionFeed({ plane, clock: systemClock }));
  const peerOf = (id: string): string | undefined => steering.get(id)?.peer.name;
  const wires = new ToldWires({ events, identityOf, peerOf, changes });
  const moves = new MoveCounting({ feed, meanings: plane });
  const operator = hand({
    ...{ about, steering, policies, feed, watcher, news, folder, addressesOf },
    wires: (unless) => wires.answer(unless),
    followChanges: (changed) => changes.follow(changed),
    moves: () => moves.answer,
  });
  routed();
  const socket = await serveOperator({ operator, path, log });
  undo.push(() => socket.close());
  // Before its readers leave: what they have not read is for the next life.
  own(feed);
  watcher.start();
  return wan;
}

/** Strands are as links are; peers are told when what they see of them changed. */
function followLinks(
  { steering, self }: Wan,
  underlay: Underlay,
  retell: () => void,
  log: Logger,
): void {
  const seen = (): string => JSON.stringify(nodeOf(self));
  let told = seen();
  underlay.onChange(() => {
    steering.linksChanged().then(
      () => {
        const now = seen();
        if (now !== told) retell();
        told = now;
      },
      (reason: unknown) => {
        log.error({ err: reason }, 'strands do not follow their links');
      },
    );
  });
}

/** What follows the site's files. */
interface Followers {
  readonly steering: Steering;
  readonly underlay: Underlay;
  readonly files: SiteWatch;
  readonly policies: NodePolicies;
  readonly log: Logger;
}

/** Links and policies are as the file says. */
function followFiles({ steering, underlay, files, policies, log }: Followers): void {
  const apply = async (changed: SiteFiles): Promise<void> => {
    await underlay.setLinks(changed.site.links);
    await steering.linksChanged();
    const inForce = await policies.siteChanged(changed);
    log.info({ ...inForce }, "the site's file is in force");
  };
  files.onChange((changed) => {
    apply(changed).catch((reason: unknown) => {
      log.error({ err: reason }, "the site's file cannot be applied");
    });
  });
}
