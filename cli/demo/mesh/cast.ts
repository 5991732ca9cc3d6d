// SPDX-License-Identifier: Apache-2.0
/**
 * Who takes part in the demo of boss and minion, beside the two sites: the client with its wires, the
 * service behind the cloud, Envoy, the witnesses at both links, the audit, and the app.
 */
import { chmod, mkdir } from 'node:fs/promises';
import { readSiteFiles } from '../../../api/site/read.js';
import type { SteeringPolicy } from '../../../api/site/types.js';
import { App } from '../../../lab/http/app.js';
import { Echo } from '../../../lab/http/echo.js';
import type { Answered, Protocol } from '../../../lab/http/types.js';
import { Witness } from '../../../lab/witness.js';
import { links, server, type Sites } from '../sites.js';
import { must } from '../words.js';
import { Auditor } from './auditor.js';
import { before, meshEdge, wishes } from './files.js';
import { Sidecar } from './sidecar.js';
import type { Sights } from './tally.js';
import { users } from './timeline.js';

/** By which each user sends requests. */
export const protocols: readonly Protocol[] = ['http1', 'http2', 'grpc'];
/** Of each user by each protocol. */
const perSecond = 10;
const servicePort = 8000;
/** Where Envoy takes the app's requests. */
const entry = '127.0.0.1:8000';

interface Parts {
  readonly sites: Sites;
  readonly sidecar: Sidecar;
  readonly auditor: Auditor;
  readonly echo: Echo;
}

/** See the head of this file. Disposing it ends all but the sites and their world. */
export class Cast implements AsyncDisposable {
  readonly sites: Sites;
  readonly auditor: Auditor;
  readonly #sidecar: Sidecar;
  readonly #echo: Echo;
  readonly #others: Others;

  private constructor({ sites, auditor, sidecar, echo }: Parts, others: Others) {
    this.sites = sites;
    this.auditor = auditor;
    this.#sidecar = sidecar;
    this.#echo = echo;
    this.#others = others;
  }

  /** Everybody on stage but the load, in the sites' lab; `envoy` is the program. */
  static async open(sites: Sites, envoy: string): Promise<Cast> {
    const others = new Others();
    try {
      return new Cast(await enter(sites, envoy, others), others);
    } catch (reason) {
      await others[Symbol.asyncDispose]();
      throw reason;
    }
  }

  /** Begin to send requests and to watch the links; a user's first one has the number `first`. */
  async load(first = 1): Promise<Load> {
    const node = this.sites.lab.node('edge');
    const witnesses = new Map<string, Witness>();
    for (const { name, device } of links) {
      witnesses.set(name, await this.#others.add(Witness.start(node, device)));
    }
    const loads = users.flatMap((user) =>
      protocols.map((protocol) => ({ user, protocol, perSecond })),
    );
    const app = await this.#others.add(App.start(this.sites.pod, { target: entry, loads, first }));
    return new Load(app, witnesses);
  }

  /** Rejects when the service ends by itself. */
  broken(): Promise<never> {
    return this.#echo.broken();
  }

  /** Have Envoy's routes follow the edge's file; throws what is wrong with it. */
  async follow(): Promise<void> {
    await this.#sidecar.swap(await policyOf(this.sites));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#others[Symbol.asyncDispose]();
  }
}

/** The app, and who sees its requests at the links. */
export class Load {
  /** All that was answered or failed so far, in that order. */
  readonly answered: readonly Answered[];
  /** What the witnesses saw, by link. */
  readonly sights: Sights;
  readonly #app: App;
  readonly #witnesses: ReadonlyMap<string, Witness>;

  constructor(app: App, witnesses: ReadonlyMap<string, Witness>) {
    this.answered = app.answered;
    this.sights = sightsOf(witnesses);
    this.#app = app;
    this.#witnesses = witnesses;
  }

  /** Rejects when the app ends by itself. */
  async broken(): Promise<never> {
    await this.#app.finished();
    throw new Error('the app has ended');
  }

  /** Send nothing more, wait for the answers and for what the witnesses say; rejects where anything passed unseen. */
  async finish(): Promise<void> {
    await this.#app.finish();
    for (const witness of this.#witnesses.values()) await witness.stop();
  }
}

/** What was begun last ends first. */
class Others implements AsyncDisposable {
  readonly #all: AsyncDisposable[] = [];

  async add<T extends AsyncDisposable>(begun: Promise<T>): Promise<T> {
    const one = await begun;
    this.#all.push(one);
    return one;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of this.#all.splice(0).reverse()) await one[Symbol.asyncDispose]();
  }
}

async function enter(sites: Sites, envoy: string, others: Others): Promise<Parts> {
  const { world, pod, openFolder: folder } = sites;
  await sites.write('edge', meshEdge(before));
  await Promise.all([sites.up('cloud'), sites.up('edge')]);
  await sites.client(wishes);
  const echo = await others.add(Echo.start(sites.server, servicePort));
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o755);
  const auditor = await others.add(
    Auditor.start({
      socket: `${folder}/audit.sock`,
      file: sites.file('edge'),
      forwarder: `${sites.lab.name}-edge`,
    }),
  );
  const sidecar = await Sidecar.start({
    ...{ world, place: pod, folder, binary: envoy },
    envoy: {
      service: 'echo',
      upstream: `${server}:${String(servicePort)}`,
      listen: entry,
      policy: await policyOf(sites),
      networkServices: wishes,
      accessLogs: [auditor.address],
    },
  });
  return { sites, sidecar, auditor, echo };
}

async function policyOf(sites: Sites): Promise<SteeringPolicy> {
  const { policies } = await readSiteFiles([sites.file('edge')]);
  return must(policies[0], 'a policy in the file of the edge');
}

/** A request was on a link where its number was seen in either direction. */
function sightsOf(witnesses: ReadonlyMap<string, Witness>): Sights {
  return Object.fromEntries(
    [...witnesses].map(([link, witness]) => [
      link,
      (user: string, number: number) => witness.ids(user).has(number),
    ]),
  );
}
