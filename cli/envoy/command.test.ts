// SPDX-License-Identifier: Apache-2.0
/** `wanwire envoy` as a user sees it, without an Envoy: test/netns/envoy-validate.test.ts asks one. */
import { writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { parse, parseAllDocuments } from 'yaml';
import { exitCodes } from '../exit-codes.js';
import { command } from '../envoy.js';

const policy = `apiVersion: wanwire.io/v1alpha1
kind: SteeringPolicy
metadata: {name: default}
spec:
  services: [wan]
  classes:
    low-latency: {fallback: [best-effort]}
    bulk: {strict: true}
  rules:
    - {name: marked, match: {dscp: [af41]}, class: low-latency}
    - {name: boss, match: {http: {headers: {user: boss}}}, class: low-latency}
    - {name: loads, match: {http: {method: [PUT, POST], path: {prefix: /load}, host: "*.a.example"}}, class: bulk, mark: {dscp: cs1}}
  default: best-effort
`;
const wires =
  'kernel://wan@cloud/nsm-1,kernel://wan-low-latency@cloud/nsm-low,' +
  'kernel://wan-best-effort@cloud/nsm-best,kernel://wan-bulk@cloud/nsm-bulk';

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `wanwire envoy` with these arguments; policy.yaml is there. */
async function say(t: Test, ...args: readonly string[]): Promise<Said> {
  const folder = t.testdir();
  await writeFile(join(folder, 'policy.yaml'), policy);
  await writeFile(join(folder, 'plain.yaml'), policy.replace(/^.*(marked|loads).*\n/gm, ''));
  const said = { stdout: '', stderr: '' };
  const restore = (['stdout', 'stderr'] as const).map((name) => {
    const intercepted = t.capture(process[name], 'write', (text: string) => {
      said[name] += text.replaceAll(`${folder}/`, '');
      return true;
    });
    return intercepted.restore;
  });
  process.exitCode = undefined;
  try {
    const full = args.map((arg) => (/^\w+\.(yaml|json)$/.test(arg) ? join(folder, arg) : arg));
    await command().exitOverride().parseAsync(full, { from: 'user' });
    const code: unknown = process.exitCode;
    return { code: typeof code === 'number' ? code : 0, ...said };
  } finally {
    process.exitCode = undefined;
    for (const one of restore) one();
  }
}

const usual = ['--service', 'httpbin', '--upstream', '10.60.0.9:8000'];
const all = ['-f', 'policy.yaml', '--network-services', wires, ...usual];

interface Bound {
  readonly name: string;
  readonly upstream_bind_config?: {
    readonly source_address: { readonly address: string };
    readonly socket_options: readonly Record<string, unknown>[];
  };
  readonly cluster_type?: { readonly typed_config: { readonly clusters: readonly string[] } };
}

function clustersOf(stdout: string): readonly Bound[] {
  const made = parse(stdout) as { static_resources: { clusters: readonly Bound[] } };
  return made.static_resources.clusters;
}

/** What a cluster's sockets are bound to, in words. */
function bound({ upstream_bind_config: bind }: Bound): string {
  const words = (bind?.socket_options ?? []).flatMap(
    ({ level, name, buf_value: text, int_value: value }) => {
      const option = `${String(level)}/${String(name)}`;
      if (option === '1/25') return [Buffer.from(String(text), 'base64').toString()];
      return option === '0/1' ? [`tos ${String(value)}`] : [];
    },
  );
  return [bind?.source_address.address ?? '', ...words].join(' ');
}

t.test('by device: a cluster for each wire, and for each class its wires in order', async (t) => {
  const { code, stdout, stderr } = await say(t, ...all);
  t.strictSame([code, stderr], [0, '']);
  const clusters = clustersOf(stdout);
  t.strictSame(
    clusters.filter((one) => one.upstream_bind_config).map((one) => `${one.name}: ${bound(one)}`),
    [
      'httpbin: 0.0.0.0',
      'httpbin|low-latency|wire: 0.0.0.0 nsm-low',
      'httpbin|best-effort|wire: 0.0.0.0 nsm-best',
      'httpbin|bulk|wire: 0.0.0.0 nsm-bulk',
      'httpbin|bulk|cs1|wire: 0.0.0.0 nsm-bulk tos 32',
    ],
  );
  t.strictSame(
    clusters.flatMap(({ name, cluster_type: type }) =>
      type === undefined ? [] : `${name}: ${type.typed_config.clusters.join(', ')}`,
    ),
    [
      'httpbin|low-latency: httpbin|low-latency|wire, httpbin|best-effort|wire, httpbin',
      'httpbin|best-effort: httpbin|best-effort|wire, httpbin',
      'httpbin|bulk: httpbin|bulk|wire',
      'httpbin|bulk|cs1: httpbin|bulk|cs1|wire',
    ],
    'a strict class has no other wire',
  );
  t.match(stdout, /^# Envoy for httpbin, from policy default: /);
  t.match(stdout, 'name: rule:boss');
});

t.test('by source address', async (t) => {
  const sources = ['low-latency=172.16.0.3', 'best-effort=172.16.0.5', 'bulk=172.16.0.7'];
  const options = sources.flatMap((one) => ['--source', one]);
  const { code, stdout } = await say(t, ...all, '--by', 'source', ...options);
  t.equal(code, 0);
  t.strictSame(
    clustersOf(stdout)
      .filter((one) => one.upstream_bind_config)
      .map(bound),
    ['0.0.0.0', '172.16.0.3', '172.16.0.5', '172.16.0.7', '172.16.0.7 tos 32'],
  );
  t.match(await say(t, ...all, '--by', 'source', ...options.slice(2)), {
    code: exitCodes.usage,
    stdout: '',
    stderr: /address of class low-latency: nothing is not valid: want the address of nsm-low/,
  });
});

t.test('by DSCP: the policy says which', async (t) => {
  const dscp = ['-f', 'policy.yaml', ...usual, '--by', 'dscp'];
  t.match(await say(t, ...dscp), {
    code: exitCodes.usage,
    stdout: '',
    stderr: /mark: "cs1" is not valid: want a DSCP that the policy's rules give class bulk to/,
  });
  const { stdout } = await say(t, ...dscp.map((arg) => arg.replace('policy.yaml', 'dscp.yaml')));
  t.equal(stdout, '', 'no such file');
  const plain = await say(t, '-f', 'plain.yaml', ...usual, '--by', 'dscp');
  t.match(plain.stderr, /"low-latency" is not valid: want a class with a DSCP of its own/);
});

t.test('a class without a wire is named, with the rules that need it', async (t) => {
  const without = all.map((arg) => arg.replace('wan-low-latency', 'wan-low-latenci'));
  const { code, stdout, stderr } = await say(t, ...without);
  t.strictSame([code, stdout], [exitCodes.usage, '']);
  t.match(
    stderr,
    'policy default: "low-latency" is not valid: want a class that a wire of the pod is pinned to, ' +
      'for rule boss: kernel://wan-low-latency@SITE/INTERFACE in --network-services; there are ' +
      'low-latenci (nsm-low), best-effort (nsm-best), bulk (nsm-bulk) (did you mean low-latenci?)',
  );
  const bare = all.map((arg) => (arg === wires ? 'kernel://wan@cloud/nsm-1' : arg));
  t.match((await say(t, ...bare)).stderr, /there are none/);
  const nameless = all.map((arg) => arg.replace('wan-bulk@cloud/nsm-bulk', 'wan-bulk@cloud'));
  t.match(
    (await say(t, ...nameless)).stderr,
    /want an interface's name: kernel:\/\/wan-bulk@cloud/,
  );
});

t.test('wrong options are told', async (t) => {
  const wrong: readonly (readonly [args: readonly string[], told: RegExp])[] = [
    [['-f', 'policy.yaml'], /--service: nothing is not valid: want a name/],
    [['-f', 'policy.yaml', '--service', 'x'], /--upstream: nothing is not valid: want HOST:PORT/],
    [usual, /--policy: nothing is not valid: want a file/],
    [[...all, '--service', 'Http Bin'], /--service: "Http Bin" is not valid/],
    [[...all, '--upstream', '10.60.0.9'], /--upstream: "10.60.0.9" is not valid: want HOST:PORT/],
    [[...all, '--upstream', '10.60.0.9:0'], /--upstream: "10.60.0.9:0" is not valid/],
    [[...all, '--listen', 'web.example:80'], /--listen: .* want ADDRESS:PORT/],
    [
      [...all, '--access-log', 'file:x'],
      /--access-log: "file:x" is not valid: want file: and a path/,
    ],
    [[...all, '--access-log', 'x'], /--access-log: "x" is not valid: want HOST:PORT/],
    [[...all, '--routes', '/nowhere/routes.json'], /--routes: .* a path that can be written/],
    [
      [...all, '--namespace', 'x'],
      /--namespace: "x" is not valid: want nothing: it is for --format/,
    ],
    [[...all, '--format', 'istio', '--listen', '[::1]:1'], /--listen: .* not for --format istio/],
    [
      [...all, '--format', 'istio'],
      /--upstream: "10.60.0.9:8000" .* the service's name in the mesh/,
    ],
    [[...all, '--class', 'a=b'], /--class: .* want nothing: it is for --from alone/],
    [[...all, '--from', 'x.yaml'], /--policy: .* want nothing: it is not for --from/],
    [['--network-services', 'tcp://x', '-f', 'policy.yaml', ...usual], /--network-services: "tcp:/],
  ];
  for (const [args, told] of wrong) {
    const { code, stdout, stderr } = await say(t, ...args);
    t.strictSame([code, stdout], [exitCodes.usage, ''], args.join(' '));
    t.match(stderr, told);
  }
  t.match(await say(t, '-f', 'nosuch.yaml', ...usual), { code: exitCodes.data, stdout: '' });
  await t.rejects(say(t, ...all, '--by', 'colour'), { code: 'commander.invalidArgument' });
  await t.rejects(say(t, ...all, '--source', 'x'), { code: 'commander.invalidArgument' });
});

t.test('routes in a file of their own', async (t) => {
  const path = join(t.testdir({}), 'routes.json');
  const { code, stdout } = await say(t, ...all, '--routes', path);
  t.equal(code, 0);
  t.match(parse(stdout), {
    static_resources: {
      listeners: [
        {
          filter_chains: [
            {
              filters: [
                {
                  typed_config: {
                    rds: { config_source: { path_config_source: { path: /.*routes.json/ } } },
                  },
                },
              ],
            },
          ],
        },
      ],
    },
  });
  t.notMatch(stdout, 'rule:boss');
  t.match(JSON.parse(readFileSync(path, 'utf8')), {
    resources: [{ name: 'httpbin', virtual_hosts: [{ routes: [{ name: 'rule:boss' }, {}, {}] }] }],
  });
});

t.test('for a mesh', async (t) => {
  const upstream = 'httpbin.default.svc.cluster.local:8000';
  const args = all.map((arg) => (arg === '10.60.0.9:8000' ? upstream : arg));
  const { code, stdout } = await say(
    t,
    ...args,
    '--format',
    'istio',
    '--namespace',
    'default',
    '--selector',
    'app=web',
  );
  t.equal(code, 0);
  const [filter, destination, virtual] = parseAllDocuments(stdout).map(
    (one) => one.toJS() as object,
  );
  const host = 'httpbin.default.svc.cluster.local';
  const metadata = { name: 'httpbin', namespace: 'default' };
  t.match(filter, {
    kind: 'EnvoyFilter',
    metadata,
    spec: {
      workloadSelector: { labels: { app: 'web' } },
      configPatches: [
        {
          applyTo: 'CLUSTER',
          match: {
            context: 'SIDECAR_OUTBOUND',
            cluster: { service: host, portNumber: 8000, subset: 'low-latency' },
          },
          patch: { operation: 'MERGE' },
        },
        { match: { cluster: { subset: 'bulk-cs1' } } },
      ],
    },
  });
  t.match(destination, {
    kind: 'DestinationRule',
    metadata,
    spec: { host, subsets: [{ name: 'low-latency' }, { name: 'bulk-cs1' }] },
  });
  t.match(virtual, {
    kind: 'VirtualService',
    metadata,
    spec: {
      hosts: [host],
      http: [
        {
          name: 'rule:boss',
          match: [{ headers: { user: { exact: 'boss' } }, sourceLabels: { app: 'web' } }],
          route: [{ destination: { host, port: { number: 8000 }, subset: 'low-latency' } }],
        },
        {
          match: [
            {
              uri: { prefix: '/load' },
              method: { regex: 'PUT|POST' },
              authority: { regex: '(?i)(?:.+\\.a\\.example)(?::[0-9]+)?' },
            },
          ],
        },
        { name: 'default', route: [{ destination: { host, port: { number: 8000 } } }] },
      ],
    },
  });
});
