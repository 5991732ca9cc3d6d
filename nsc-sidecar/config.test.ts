// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { ConfigError } from '../api/env/config-error.js';
import { readEnvironment } from '../api/env/read-environment.js';
import { table } from './config.js';

t.test("defaults are NSM's", (t) => {
  const { config, warnings } = readEnvironment(table, { NSM_NETWORK_SERVICES: 'kernel://hello' });
  t.match(config, {
    NSM_NAME: 'nsc',
    NSM_CONNECT_TO: 'unix:///var/lib/networkservicemesh/nsm.io.sock',
    NSM_DIAL_TIMEOUT: 5_000,
    NSM_REQUEST_TIMEOUT: 15_000,
    NSM_NETWORK_SERVICES: [{ service: 'hello', mechanism: 'KERNEL' }],
    NSM_LIVENESS_CHECK_ENABLED: true,
    NSM_LIVENESS_CHECK_INTERVAL: 200,
    NSM_LIVENESS_CHECK_TIMEOUT: 1_000,
    NSM_MAX_TOKEN_LIFETIME: 600_000,
    WANWIRE_START_WHEN: 'any',
    WANWIRE_INSECURE: false,
  });
  t.strictSame(warnings, []);
  t.end();
});

t.test('all mistakes at once, and what cmd-nsc knows is known', (t) => {
  const wrong = {
    NSM_NETWORK_SERVICES: 'memif://a,kernel://b/much-too-long-a-name',
    NSM_REQUEST_TIMEOUT: '15',
    WANWIRE_START_WHEN: 'most',
  };
  const message =
    /NSM_NETWORK_SERVICES=.*entry 1: scheme "memif".*entry 2: .*20 characters[^]*REQUEST_TIMEOUT="15": has no unit[^]*START_WHEN="most".*want any or all/;
  t.throws(() => readEnvironment(table, wrong), { message });
  t.throws(() => readEnvironment(table, {}), ConfigError, 'services are required');
  const { warnings } = readEnvironment(table, {
    NSM_NETWORK_SERVICES: 'kernel://hello',
    NSM_LABELS: 'a=b',
    NSM_MECHANISM: 'kernel',
    NSM_AWARENESS_GROUPS: '[kernel://a,kernel://b]',
    NSM_LOCAL_DNS_SERVER_ENABLED: 'false',
    NSM_LOCAL_DNS_SERVER_ADDRESS: '127.0.0.1:53',
  });
  t.strictSame(warnings, []);
  t.end();
});
