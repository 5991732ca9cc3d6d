// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { readEnvironment } from '../../api/env/read-environment.js';
import { table as forwarder } from '../../forwarder/config.js';
import { table as manager } from '../../manager/config.js';
import { table as endpoint } from '../../nse/config.js';
import { placeOf, rolesOf } from './roles.js';

const gateway = { prefixes: [['172.16.0.0/16']], routes: [], nat: false };
const edge = { name: 'edge', gateway: undefined };
const cloud = { name: 'cloud', gateway };
const tables = { manager, forwarder, endpoint };

t.test('names, sockets and folders follow from the site', (t) => {
  const roles = rolesOf(cloud, placeOf('cloud'), {});
  t.strictSame(
    roles.map(({ name, command, env }) => [name, command, env]),
    [
      [
        'manager',
        'manager',
        {
          WANWIRE_SITE_FILE: '/run/wanwire/cloud/site.yaml',
          WANWIRE_AGENT_LISTEN_ON: 'unix:///run/wanwire/cloud/agent.sock',
          NSM_NAME: 'cloud',
          NSM_LISTEN_ON: 'unix:///run/wanwire/cloud/nsm.io.sock',
        },
      ],
      [
        'forwarder',
        'forwarder',
        {
          WANWIRE_SITE_FILE: '/run/wanwire/cloud/site.yaml',
          SPIFFE_ENDPOINT_SOCKET: 'unix:///run/wanwire/cloud/agent.sock',
          NSM_CONNECT_TO: 'unix:///run/wanwire/cloud/nsm.io.sock',
          NSM_NAME: 'cloud-forwarder',
          NSM_LISTEN_ON: 'unix:///run/wanwire/cloud/forwarder.sock',
          WANWIRE_STATE_DIR: '/run/wanwire/cloud/forwarder',
        },
      ],
      [
        'endpoint',
        'nse',
        {
          WANWIRE_SITE_FILE: '/run/wanwire/cloud/site.yaml',
          SPIFFE_ENDPOINT_SOCKET: 'unix:///run/wanwire/cloud/agent.sock',
          NSM_CONNECT_TO: 'unix:///run/wanwire/cloud/nsm.io.sock',
          NSM_NAME: 'cloud-wan',
          NSM_UNREGISTER_ITSELF: 'true',
          WANWIRE_STATE_DIR: '/run/wanwire/cloud/endpoint',
          WANWIRE_FORWARDER_SOCKET: '/run/wanwire/cloud/forwarder/operator.sock',
        },
      ],
    ],
  );
  t.end();
});

t.test('a site that is no gateway has no endpoint', (t) => {
  const names = rolesOf(edge, placeOf('edge'), {}).map(({ name }) => name);
  t.strictSame(names, ['manager', 'forwarder']);
  t.end();
});

t.test('a folder of its own, and a name that is no file name', (t) => {
  t.equal(placeOf('edge', '/tmp/e').managerUrl, 'unix:///tmp/e/nsm.io.sock');
  t.equal(placeOf('a/b').directory, '/run/wanwire/a%2Fb');
  t.end();
});

t.test('who gives identities', (t) => {
  const of = (env: Readonly<Record<string, string>>) =>
    rolesOf(cloud, placeOf('cloud'), env).map(({ env: given }) => [
      given['WANWIRE_AGENT_LISTEN_ON'],
      given['SPIFFE_ENDPOINT_SOCKET'],
    ]);
  const [none, spire, own] = [undefined, 'unix:///run/spire.sock', 'unix:///run/a.sock'];
  const others = (url: string | undefined) => [none, url];
  t.strictSame(of({ SPIFFE_ENDPOINT_SOCKET: spire }), [spire, spire, spire].map(others));
  t.strictSame(of({ WANWIRE_AGENT_LISTEN_ON: own }), [[own, none], others(own), others(own)]);
  t.strictSame(of({ WANWIRE_INSECURE: 'true' }), [none, none, none].map(others));
  const both = { SPIFFE_ENDPOINT_SOCKET: spire, WANWIRE_AGENT_LISTEN_ON: own };
  t.strictSame(of(both)[0], [own, spire], 'told so, it serves one beside the other');
  t.end();
});

t.test(
  'each process gets what it knows of the environment, and nothing that the site decides',
  (t) => {
    const env = {
      PATH: '/bin',
      NSM_LOG_LEVEL: 'DEBUG',
      NSM_NAME: 'mine',
      NSM_LABELS: 'a:b',
      WANWIRE_INSECURE: 'true',
      WANWIRE_BPF_DIR: '/sys/fs/bpf/x',
      WANWIRE_HOLD: '1h',
      NSM_EXPIRE_PERIOD: '5s',
      WANWIRE_STATE_DIR: '/elsewhere',
      UNSET: undefined,
    };
    const place = placeOf('cloud');
    for (const { name, env: given } of rolesOf(cloud, place, env)) {
      t.match(given, { PATH: '/bin', NSM_LOG_LEVEL: 'DEBUG', WANWIRE_INSECURE: 'true' }, name);
      t.notMatch(given, { NSM_NAME: 'mine' });
      t.notMatch(given, { WANWIRE_STATE_DIR: '/elsewhere' });
      t.notOk('NSM_LABELS' in given, 'up knows no labels');
      t.equal('WANWIRE_BPF_DIR' in given, name === 'forwarder');
      t.equal('NSM_EXPIRE_PERIOD' in given, name === 'manager');
      t.ok('WANWIRE_HOLD' in given);
      const { warnings } = readEnvironment(tables[name], given);
      t.strictSame(warnings, [], `${name} knows all that it is given`);
    }
    t.end();
  },
);
