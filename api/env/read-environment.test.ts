// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { common } from './common.js';
import { ConfigError } from './config-error.js';
import { duration } from './duration.js';
import { labelsColon } from './list.js';
import { readEnvironment } from './read-environment.js';
import { boolean, integer, name, text } from './text.js';
import { url } from './urls.js';

const table = {
  NSM_NAME: name({ default: 'nse', description: 'Its name.' }),
  NSM_CONNECT_TO: url({ required: true, description: 'The manager.' }),
  NSM_DIAL_TIMEOUT: duration({ default: '5s', description: 'How long to try.' }),
  NSM_LABELS: labelsColon({ default: 'p2p:true', description: 'Labels.' }),
  NSM_TUNNEL_IP: name({ description: 'Address.' }),
  WANWIRE_PORT: integer(1, 65535)({ default: '4790', description: 'Port.' }),
  WANWIRE_INSECURE: boolean({ default: 'false', description: 'Plaintext.' }),
  TELEMETRY: text({ description: 'Nothing.', unused: 'not yet' }),
};
const right = { NSM_CONNECT_TO: 'unix:///run/nsm.sock' };

function mistakesOf(env: Record<string, string>): string[] {
  try {
    readEnvironment(table, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
  return [];
}

t.test('defaults are read like values', (t) => {
  const { config, warnings } = readEnvironment(table, right);
  t.strictSame(config, {
    NSM_NAME: 'nse',
    NSM_CONNECT_TO: 'unix:///run/nsm.sock',
    NSM_DIAL_TIMEOUT: 5000,
    NSM_LABELS: { p2p: 'true' },
    NSM_TUNNEL_IP: undefined,
    WANWIRE_PORT: 4790,
    WANWIRE_INSECURE: false,
    TELEMETRY: undefined,
  });
  t.strictSame(warnings, []);
  t.end();
});

t.test('types follow from the table', (t) => {
  const { config } = readEnvironment(table, right);
  const dial: number = config.NSM_DIAL_TIMEOUT;
  const tunnel: string | undefined = config.NSM_TUNNEL_IP;
  // @ts-expect-error it has no default and is not required: it may be undefined
  const never: string = config.NSM_TUNNEL_IP;
  t.strictSame([dial, tunnel, never], [5000, undefined, undefined]);
  t.end();
});

t.test('all mistakes at once, with variable, value and what would be right', (t) => {
  const mistakes = mistakesOf({
    NSM_DIAL_TIMEOUT: '5 s',
    NSM_LABELS: 'app=db',
    WANWIRE_PORT: '70000',
    WANWIRE_INSECURE: 'yes',
    NSM_NAME: '',
  });
  t.strictSame(mistakes, [
    'NSM_NAME="": is empty; want text that is not empty',
    'NSM_CONNECT_TO is required and not set: want unix:///path or tcp://host:port',
    'NSM_DIAL_TIMEOUT="5 s": has no unit known to Go after 5; want a duration such as 5s, 200ms, 1h30m',
    'NSM_LABELS="app=db": has no ":" in "app=db" (it has "="); want labels such as app:db,tier:1',
    'WANWIRE_PORT="70000": is out of range; want a whole number from 1 to 65535',
    'WANWIRE_INSECURE="yes": is neither true nor false; want true or false',
  ]);
  t.end();
});

t.test('an endless value is cut in the message', (t) => {
  const [mistake = ''] = mistakesOf({ ...right, WANWIRE_PORT: 'x'.repeat(100_000) });
  t.match(mistake, 'x"... (100000 characters): is no whole number');
  t.ok(mistake.length < 300);
  t.end();
});

t.test('empty is: nothing where optional, empty where that is a value, else a mistake', (t) => {
  const { config } = readEnvironment(table, { ...right, NSM_TUNNEL_IP: '', NSM_LABELS: '' });
  t.equal(config.NSM_TUNNEL_IP, undefined);
  t.strictSame(config.NSM_LABELS, {});
  t.match(mistakesOf({ NSM_CONNECT_TO: '' }), ['NSM_CONNECT_TO="": is empty; want unix']);
  t.match(mistakesOf({ ...right, NSM_DIAL_TIMEOUT: '' }), ['NSM_DIAL_TIMEOUT="": is empty']);
  t.end();
});

t.test('the result is frozen, all through', (t) => {
  const { config } = readEnvironment(table, right);
  t.ok(Object.isFrozen(config));
  t.ok(Object.isFrozen(config.NSM_LABELS));
  t.end();
});

t.test('unknown names of ours are told, with the nearest known one', (t) => {
  const { warnings } = readEnvironment(table, {
    ...right,
    NSM_DAIL_TIMEOUT: '1s',
    WANWIRE_SOMETHING_ELSE_ALTOGETHER: '1',
    PATH: '/bin',
    NSMX: '1',
  });
  t.strictSame(warnings, [
    'NSM_DAIL_TIMEOUT is set, but this command knows no such variable; did you mean NSM_DIAL_TIMEOUT?',
    'WANWIRE_SOMETHING_ELSE_ALTOGETHER is set, but this command knows no such variable',
  ]);
  t.end();
});

t.test('what Kubernetes and device plugins inject is nobody’s mistake', (t) => {
  const { warnings } = readEnvironment(table, {
    ...right,
    NSM_REGISTRY_SERVICE_HOST: '10.0.0.1',
    NSM_REGISTRY_SERVICE_PORT_GRPC: '5002',
    NSM_REGISTRY_PORT: 'tcp://10.0.0.1:5002',
    NSM_REGISTRY_PORT_5002_TCP_ADDR: '10.0.0.1',
    NSM_SRIOV_TOKENS_x: 'sriov-1',
  });
  t.strictSame(warnings, []);
  t.end();
});

t.test('an unused variable of NSM is known and still checked', (t) => {
  const { config, warnings } = readEnvironment(common, { NSM_METRICS_EXPORT_INTERVAL: '1m' });
  t.equal(config.NSM_METRICS_EXPORT_INTERVAL, 60_000);
  t.strictSame(warnings, []);
  t.throws(() => readEnvironment(common, { NSM_METRICS_EXPORT_INTERVAL: '1' }), ConfigError);
  t.end();
});

t.test('without an environment it is the process’s own', (t) => {
  const { config } = readEnvironment({ PATH: text({ description: 'x' }) });
  t.equal(config.PATH, process.env['PATH']);
  t.end();
});
