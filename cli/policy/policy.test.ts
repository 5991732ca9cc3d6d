// SPDX-License-Identifier: Apache-2.0
/** `wanwire policy check` and `explain`, as a user sees them. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { pick, randomPacket, randomPolicy, seeded } from '../../test/bpf/model-random.js';
import { addressText } from '../../api/site/address-bytes.js';
import { classify } from '../../test/bpf/model.js';
import { exitCodes } from '../exit-codes.js';
import { command } from '../policy.js';
import { type Described, whyNot } from './fit.js';

const site = `apiVersion: wanwire.io/v1alpha1
kind: Site
metadata: {name: edge-1}
spec:
  links:
    - {name: fibre, device: wan0, class: low-latency, trusted: true}
    - {name: lte, device: wan1, class: best-effort, trusted: true}
`;
const policy = `apiVersion: wanwire.io/v1alpha1
kind: SteeringPolicy
metadata: {name: default}
spec:
  services: [wan]
  classes:
    low-latency: {links: [{class: low-latency}], fallback: [best-effort], strict: true}
    bulk: {links: [{name: fibre, weight: 25}, {name: lte, weight: 75}]}
  rules:
    - {name: voice, match: {dscp: [ef]}, class: low-latency}
    - {name: backup, match: {protocol: [tcp, sctp], destinationPorts: ["873", "8000-8999"], destinations: ["10.60.0.0/16"]}, class: bulk}
    - {name: boss, match: {http: {headers: {user: boss}}}, class: low-latency}
    - {name: pods, match: {clientLabels: {app: sensor}}, class: bulk, mark: {dscp: cs1}}
  default: best-effort
`;

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `wanwire policy` with these arguments; site.yaml and policy.yaml are there. */
async function say(t: Test, ...args: readonly string[]): Promise<Said> {
  const folder = await mkdtemp(join(tmpdir(), 'ww-policy-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'site.yaml'), site);
  await writeFile(join(folder, 'policy.yaml'), policy);
  const identity = 'identity: "spiffe://edge.example/nsc/*"';
  await writeFile(
    join(folder, 'ids.yaml'),
    policy.replace('clientLabels: {app: sensor}', identity),
  );
  await writeFile(
    join(folder, 'wrong.yaml'),
    policy.replace('[ef]', '[eff]').replace('bulk:', 'bulky:'),
  );
  const said = { stdout: '', stderr: '' };
  const restore = (['stdout', 'stderr'] as const).map((name) => {
    const intercepted = t.capture(process[name], 'write', (text: string) => {
      said[name] += text.replaceAll(`${folder}/`, '');
      return true;
    });
    return intercepted.restore;
  });
  const full = args.map((arg) => (arg.endsWith('.yaml') ? join(folder, arg) : arg));
  process.exitCode = undefined;
  try {
    await command().parseAsync(full, { from: 'user' });
    const code: unknown = process.exitCode;
    return { code: typeof code === 'number' ? code : 0, ...said };
  } finally {
    process.exitCode = undefined;
    for (const one of restore) one();
  }
}

t.test('check tells rules, classes and services', async (t) => {
  const { code, stdout, stderr } = await say(t, 'check', 'site.yaml', 'policy.yaml');
  t.strictSame([code, stderr], [0, '']);
  t.equal(
    stdout,
    `policy default for wan of site edge-1
RULE    MATCH                                                   CLASS        MARK
voice   dscp ef                                                 low-latency  -
backup  tcp or sctp, to 10.60.0.0/16, to port 873 or 8000-8999  bulk         -
pods    client app=sensor                                       bulk         cs1
-       anything else                                           best-effort  -
boss    by Envoy: header user is boss                           low-latency  -

CLASS        LINKS                 OTHERWISE
low-latency  fibre                 best-effort, then no other link
bulk         fibre 25 %, lte 75 %  any other link
best-effort  lte                   any other link

services: wan, wan-low-latency, wan-bulk, wan-best-effort
`,
  );
});

t.test('check of policies alone says what it cannot know', async (t) => {
  const { code, stdout } = await say(t, 'check', 'policy.yaml');
  t.equal(code, 0);
  t.match(stdout, /^low-latency {2}class low-latency +best-effort, then no other link$/m);
  t.match(stdout, /^bulk +fibre weight 25, lte weight 75 +any other link$/m);
  t.match(stdout, /There is no Site in it: whether the links are there is not checked\.\n$/);
  const json = await say(t, 'check', '--json', 'policy.yaml');
  t.match(JSON.parse(json.stdout), { site: null, policies: [{ name: 'default' }], services: [{}] });
});

t.test('mistakes have lines, go to stderr and have an exit code of their own', async (t) => {
  const { code, stdout, stderr } = await say(t, 'check', 'site.yaml', 'wrong.yaml');
  t.equal(code, exitCodes.data);
  t.equal(stdout, '');
  t.match(
    stderr,
    /^wrong\.yaml:10:\d+: spec\.rules\[0\]\.match\.dscp\[0\]: "eff" is not valid: want/,
  );
  t.match(
    stderr,
    /^wrong\.yaml:11:\d+: spec\.rules\[1\]\.class: "bulk" .* \(did you mean bulky\?\)$/m,
  );
  const missing = await say(t, 'check', 'none.yaml', 'policy.yaml');
  t.equal(missing.code, exitCodes.data);
  t.match(missing.stderr, /^none\.yaml: cannot be read: ENOENT/);
});

t.test('explain tells the first rule that fits, and why those before it do not', async (t) => {
  const files = ['site.yaml', 'policy.yaml'];
  const to = ['--to', '10.60.0.1', '--to-port', '873'];
  t.equal(
    (await say(t, 'explain', ...files, ...to, '--label', 'app=camera')).stdout,
    `service wan, policy default: tcp, dscp be, to 10.60.0.1 port 873, client app=camera
  voice   dscp be is not ef  dscp ef
  backup  fits               tcp or sctp, to 10.60.0.0/16, to port 873 or 8000-8999
class bulk: rule backup is the first that fits
links: fibre 25 %, lte 75 %; then any other link
Rules for http (boss) are for Envoy and not looked at.
`,
  );
  const voice = await say(t, 'explain', ...files, '--dscp', 'EF', '--protocol', 'udp');
  t.match(
    voice.stdout,
    /class low-latency: rule voice is the first that fits\nlinks: fibre; then best-effort, then no other link/,
  );
  const sensor = await say(t, 'explain', ...files, '--label', 'app=sensor');
  t.match(sensor.stdout, /backup {2}asks for an address to 10.60.0.0\/16 \(--to\)/);
  t.match(sensor.stdout, /outer packets are marked with dscp cs1/);
  const ids = ['explain', 'site.yaml', 'ids.yaml', '--identity'];
  const who = await say(t, ...ids, 'spiffe://edge.example/nsc/a');
  t.match(
    who.stdout,
    /client spiffe:\/\/edge.example\/nsc\/a\n[^]*rule pods is the first that fits/,
  );
  const other = await say(t, ...ids, 'spiffe://edge.example/x');
  t.match(other.stdout, /the client is spiffe:\S*\/x, not spiffe:\/\/edge.example\/nsc\/\*/);
  const nobody = await say(t, 'explain', 'site.yaml', 'ids.yaml', '--label', 'app=sensor');
  t.match(nobody.stdout, /asks for a client that is spiffe:\S+ \(--identity\)/);
  const pinned = await say(t, 'explain', ...files, '--service', 'wan-bulk', '--dscp', 'ef');
  t.match(pinned.stdout, /class bulk: no rule fits: the default/);
  const { stdout } = await say(t, 'explain', ...files, '--json');
  t.match(JSON.parse(stdout), { service: 'wan', rule: null, class: 'best-effort', links: 'lte' });
});

t.test('explain refuses what is no session', async (t) => {
  const table: readonly (readonly [args: readonly string[], mistake: RegExp])[] = [
    [
      ['--service', 'van'],
      /--service: "van" is not valid: want one of wan, .* \(did you mean wan\?\)/,
    ],
    [['--dscp', 'eff'], /--dscp: "eff" is not valid: want ef, af11/],
    [['--protocol', 'tpc'], /--protocol: "tpc"/],
    [['--to', 'cloud'], /--to: "cloud" is not valid: want an IP address/],
    [['--to-port', '1-2'], /--to-port: "1-2" is not valid: want a port such as 873/],
    [['--from', '10.0.0.1', '--to', 'fd00::1'], /--to: "fd00::1" .* the same family as --from/],
    [['--identity', 'me'], /--identity: "me" is not valid: want a SPIFFE ID/],
    [['--label', '=x'], /--label: "=x" is not valid/],
  ];
  for (const [args, mistake] of table) {
    const { code, stderr } = await say(t, 'explain', 'site.yaml', 'policy.yaml', ...args);
    t.equal(code, exitCodes.usage);
    t.match(stderr, mistake);
  }
});

t.test('what fits here fits in the model', (t) => {
  const random = seeded(7);
  let fitting = 0;
  for (let at = 0; at < 2000; at++) {
    const { rules, ...rest } = randomPolicy(random, 3);
    const packet = randomPacket(random, { ...rest, rules });
    const { source, destination, ports } = packet;
    const session: Described = {
      ...packet,
      labels: pick(random, [{ app: 'sensor' }, {}]),
      from: addressText(source),
      to: addressText(destination),
      fromPort: ports?.source,
      toPort: ports?.destination,
    };
    const first = rules.find(({ match }) => whyNot(match, session) === undefined);
    const { rule } = classify({ ...rest, rules }, packet, session.labels);
    if (rule !== first?.name) t.strictSame(session, rules, `${String(rule)} in the model`);
    if (rule !== undefined) fitting++;
  }
  t.ok(fitting > 500, `${String(fitting)} fit a rule`);
  t.end();
});
