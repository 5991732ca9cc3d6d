// SPDX-License-Identifier: Apache-2.0
/** What there is to try while the demo stays: commands as they can be typed in another terminal. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Screen } from '../screen.js';
import { server } from '../sites.js';
import type { Cast, Load } from './cast.js';
import { Live, type Terminal } from './live.js';

/** Tell them. */
export function hints(screen: Screen, wanwire: string, { sites }: Cast): void {
  const { name } = sites.lab;
  const inPod = `nsenter --net=${sites.pod.path} --`;
  const edge = `--name ${name}-edge`;
  const post = (user: string): string =>
    `${inPod} curl -s -H 'user: ${user}' -d 'ww-request=${user}.0;' http://127.0.0.1:8000/`;
  screen.title('It stays: try these as root in another terminal; Ctrl-C here ends it all');
  screen.row('ask', post('boss'), post('minion'));
  screen.row(
    'time',
    `${inPod} curl -s -o /dev/null -w '%{time_total}\\n' -H 'user: boss' http://127.0.0.1:8000/`,
  );
  screen.row('sessions', `node ${wanwire} sessions --watch ${edge}`);
  screen.row('links', `node ${wanwire} links --watch ${edge}`);
  screen.row(
    'break',
    `node ${wanwire} lab set edge/wan0 --down --name ${name}`,
    `node ${wanwire} lab set edge/wan0 --up --name ${name}`,
    `node ${wanwire} lab set edge/wan0 --delay 100ms --name ${name}`,
  );
  screen.row('policy', `edit ${sites.file('edge')}: links and Envoy follow`);
  screen.row(
    'watch',
    `nsenter --net=${sites.lab.node('edge').path} -- tcpdump -lAni wan0 | grep -o 'ww-request=[^;]*'`,
  );
  screen.row(
    'service',
    `${server}:8000, through Envoy at 127.0.0.1:8000 in the client's namespace`,
  );
}

/** Go on until stopped; a change of the edge's file changes Envoy's routes too. */
export async function stay(
  screen: Screen,
  cast: Cast,
  load: Load,
  live: Terminal | undefined,
  signal: AbortSignal,
): Promise<void> {
  using _live = new Live(live, load.answered, load.sights);
  let complaint = '';
  while (!signal.aborted) {
    await sleep(500, undefined, { signal });
    try {
      await cast.follow();
      complaint = '';
    } catch (reason) {
      const text = reason instanceof Error ? reason.message : String(reason);
      if (text !== complaint) screen.row('not taken', text);
      complaint = text;
    }
  }
}
