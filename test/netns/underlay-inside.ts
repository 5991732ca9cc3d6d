// SPDX-License-Identifier: Apache-2.0
/** An `Underlay` that a test moves by messages. */
import { pino } from 'pino';
import type { SiteLink } from '../../api/site/types.js';
import type { Link } from '../../forwarder/underlay/link.js';
import { Underlay } from '../../forwarder/underlay/underlay.js';
import type { Way } from '../../forwarder/underlay/ways.js';
import { answering } from './inside.js';

/** What it tells whenever its links change. */
export interface LinksNews {
  readonly links: readonly Link[];
  readonly routing: string;
}

const logged: string[] = [];
const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) });
let underlay: Underlay | undefined;

function started(): Underlay {
  if (underlay === undefined) throw new Error('not started');
  return underlay;
}

const tell = answering({
  async start(links: readonly SiteLink[], forwarder = 'test') {
    underlay = await Underlay.start({ log, forwarder, links });
    underlay.onChange(() => {
      tell({ links: started().links, routing: started().routing } satisfies LinksNews);
    });
    return underlay.links;
  },
  links: () => started().links,
  routing: () => started().routing,
  setLinks: (links: readonly SiteLink[]) => started().setLinks(links),
  tunnelDevice: (port: number) => started().tunnelDevice(port),
  keepTunnels: (ports: readonly number[]) => started().keepTunnels(ports),
  route: (ways: readonly Way[]) => started().route(ways),
  /** Do nothing at all for so long. */
  sleep: (ms: number) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms),
  logged: () => logged,
  dispose: () => {
    started()[Symbol.dispose]();
  },
});
