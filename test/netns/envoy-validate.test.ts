// SPDX-License-Identifier: Apache-2.0
/** Envoy's own validation of each kind of configuration that we make, and of a broken one. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { parsePolicies } from '../../api/site/policy.js';
import { validate } from '../../cli/envoy/check.js';
import type { EnvoyOptions } from '../../cli/envoy/options.js';
import { envoyBootstrap, envoyRoutes } from '../../cli/envoy/static.js';
import { requestPolicy } from '../doubles/http-requests.js';
import { envoyProgram } from './envoy.js';

const program = envoyProgram();
const text = requestPolicy
  .replace('class: boss}', 'class: boss, mark: {dscp: ef}}')
  .replace(
    '  rules:\n',
    '  classes: {boss: {fallback: [post, nobody]}, umlaut: {strict: true}}\n  rules:\n    - {name: l4, match: {dscp: [ef]}, class: boss}\n',
  );
const [policy] = parsePolicies(text, 'requests.yaml');
if (policy === undefined) throw new Error('no policy');
const classes = policy.httpRules.map((rule) => rule.class);
const usual: EnvoyOptions = {
  service: 'httpbin',
  upstream: '10.60.0.9:8000',
  policy,
  networkServices: `kernel://wan/nsm-1,${classes.map((of) => `kernel://wan-${of}/nsm-${of}`).join()}`,
};
const onlyBoss = { ...policy, httpRules: policy.httpRules.slice(0, 1) };

t.test('what we make is right', async (t) => {
  const routesFile = join(t.testdir(), 'routes.json');
  await writeFile(routesFile, JSON.stringify(envoyRoutes(usual)));
  const made: Record<string, Partial<EnvoyOptions>> = {
    'by device': {},
    'by source': {
      by: 'source',
      sources: Object.fromEntries(classes.map((of, at) => [of, `172.16.0.${String(at + 1)}`])),
    },
    'by source, IPv6': {
      by: 'source',
      upstream: '[fd00:60::9]:8000',
      listen: '[::1]:15001',
      sources: Object.fromEntries(classes.map((of, at) => [of, `fd00::${String(at + 1)}`])),
    },
    'by DSCP': { by: 'dscp', policy: onlyBoss },
    'by DSCP, to a name': { by: 'dscp', policy: onlyBoss, upstream: 'web.example:80' },
    'with logs of every kind, and an administration': {
      accessLogs: [
        '127.0.0.1:9001',
        'unix:/run/audit.sock',
        'file:/dev/stdout',
        'log.example:9001',
      ],
      eventLog: '/dev/null',
      admin: '127.0.0.1:9901',
      upstream: 'web.example:80',
    },
    'with routes in a file': { routesFile },
    'without http rules': { policy: { ...policy, httpRules: [] } },
  };
  for (const [name, more] of Object.entries(made)) {
    const { ok, text: told } = await validate(program, envoyBootstrap({ ...usual, ...more }));
    t.equal(ok, true, `${name}: Envoy ${told}`);
  }
});

t.test('Envoy says what is wrong with another', async (t) => {
  const bootstrap = JSON.stringify(envoyBootstrap(usual)).replace('"STATIC"', '"STATICK"');
  const { ok, text: told } = await validate(program, JSON.parse(bootstrap) as object);
  t.equal(ok, false);
  t.match(told, /STATICK/);
  t.match(await validate('/nowhere/envoy', {}), { ok: false, text: /ENOENT/ });
});
