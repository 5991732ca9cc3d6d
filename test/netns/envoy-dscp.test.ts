// SPDX-License-Identifier: Apache-2.0
/** The other hand-off: an unprivileged Envoy sets the DSCP of a class, seen in packets, in IPv4 and IPv6. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { parsePolicies } from '../../api/site/policy.js';
import { envoyBootstrap } from '../../cli/envoy/static.js';
import { startEnvoy } from './envoy.js';
import { sandbox } from './sandbox.js';
import { cable } from './underlay-stage.js';

const policyText = `apiVersion: wanwire.io/v1alpha1
kind: SteeringPolicy
metadata: {name: default}
spec:
  services: [wan]
  rules:
    - {name: elsewhere, match: {dscp: [af41], destinations: [10.70.0.0/16]}, class: bulk}
    - {name: marked, match: {dscp: [af41]}, class: low-latency}
    - {name: boss, match: {http: {headers: {user: boss}}}, class: low-latency}
  default: best-effort
`;
const entry = '127.0.0.1:15001';
const askerCode = `const http = require('http'); const [user] = process.argv.slice(1);
http.get('http://${entry}/', { headers: { user }, agent: false }, (answer) => answer.resume())
  .on('error', () => process.exit(1))`;

for (const [service, own] of [
  ['10.60.0.9', '10.60.0.2'],
  ['fd00:60::9', 'fd00:60::2'],
] as const) {
  t.test(service, async (t) => {
    const [pod, server] = [await sandbox(t), await sandbox(t)];
    const six = service.includes(':');
    const length = six ? '/64' : '/24';
    await cable([pod, 'nsm-1', own + length], [server, 'eth0', service + length]);
    await pod.ip('link', 'set', 'lo', 'up');
    const [policy] = parsePolicies(policyText, 'policy.yaml');
    if (policy === undefined) throw new Error('no policy');
    const upstream = six ? `[${service}]:8000` : `${service}:8000`;
    const bootstrap = envoyBootstrap({ service: 'echo', upstream, policy, by: 'dscp' });
    const ask = (user: string) => pod.run(process.execPath, '-e', askerCode, user);
    await startEnvoy(t, t.testdir(), bootstrap, { netns: pod.path, ready: () => ask('guest') });
    /** The first packet to the service while somebody asks; nobody answers it. */
    const tosOf = async (user: string): Promise<string | undefined> => {
      const args = ['netns', 'exec', server.name, 'tcpdump', '-lnnvc1', '-i', 'eth0'];
      const dump = spawn('ip', [...args, 'tcp dst port 8000'], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      t.teardown(() => dump.kill());
      await once(dump.stderr, 'data');
      const [said] = await Promise.all([text(dump.stdout), ask(user)]);
      // Of IPv6 it tells the class only where there is one.
      return /\b(?:tos|class) 0x(\w+)/.exec(said)?.[1] ?? (six ? '0' : said);
    };
    t.equal(await tosOf('boss'), '88', 'af41, in the upper six bits');
    t.equal(await tosOf('guest'), '0');
    t.equal(await tosOf('boss'), '88');
  });
}
