// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { readEnvironment } from '../api/env/read-environment.js';
import { table } from './config.js';

t.test("defaults are NSM's, but the payload", (t) => {
  const { config, warnings } = readEnvironment(table, {});
  t.match(config, {
    NSM_NAME: 'icmp-server',
    NSM_SERVICE_NAMES: ['icmp-responder'],
    NSM_PAYLOAD: 'IP',
    NSM_LABELS: {},
    NSM_CIDR_PREFIX: [['169.254.0.0/16']],
    NSM_IPAM_POLICY: 'polite',
    NSM_DNS_CONFIGS: [],
    NSM_REGISTER_SERVICE: true,
    NSM_UNREGISTER_ITSELF: false,
    NSM_IDLE_TIMEOUT: 0,
  });
  t.strictSame(warnings, []);
  t.end();
});

t.test('DNS configs', (t) => {
  const read = (value: string): unknown =>
    readEnvironment(table, { NSM_DNS_CONFIGS: value }).config.NSM_DNS_CONFIGS;
  t.strictSame(read('[{"dns_server_ips":["192.0.2.53"],"search_domains":["example"]}]'), [
    { dnsServerIps: ['192.0.2.53'], searchDomains: ['example'] },
  ]);
  t.strictSame(read('[{"dns_server_ips":["2001:db8::53"]}]'), [
    { dnsServerIps: ['2001:db8::53'], searchDomains: [] },
  ]);
  const wrong: Record<string, RegExp> = {
    '{}': /at the top: /,
    '[{"dns_server_ips":["x"]}]': /at 0\.dns_server_ips\.0: is no IP address/,
    '[{"dns_server_ips":[]}]': /names no server/,
    '[{"servers":["192.0.2.53"]}]': /at 0.*servers/,
    '[': /is no JSON/,
  };
  for (const [value, message] of Object.entries(wrong)) {
    t.throws(() => read(value), { message }, value);
  }
  t.end();
});

t.test('all mistakes at once', (t) => {
  const wrong = { NSM_PAYLOAD: 'IPX', NSM_CIDR_PREFIX: '[172.16.0.0/33]', NSM_LABELS: 'app=db' };
  const message = /NSM_PAYLOAD="IPX".*want IP or ETHERNET[^]*NSM_LABELS[^]*NSM_CIDR_PREFIX/;
  t.throws(() => readEnvironment(table, wrong), { message });
  t.end();
});
