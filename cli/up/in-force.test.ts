// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSiteFiles } from '../../api/site/read.js';
import { SiteError } from '../../api/site/site-error.js';
import { putInForce } from './in-force.js';

const site = `# Ours.
apiVersion: wanwire.io/v1alpha1
kind: Site
metadata: {name: edge}
spec:
  links:
    - {name: fibre, device: wan0, class: low-latency, trusted: true}
  peers:
    - {site: cloud, control: ["203.0.113.10:5001"], trustBundle: bundles/cloud.pem}
`;
const policy = `---
apiVersion: wanwire.io/v1alpha1
kind: SteeringPolicy
metadata: {name: default}
spec:
  services: [wan]
  rules:
    - {name: voice, match: {dscp: [ef]}, class: low-latency}
  default: low-latency
---
apiVersion: networkservicemesh.io/v1
kind: NetworkService
metadata: {name: wan}
spec: {payload: IP}
`;

t.test('several files become one that says the same from anywhere', async (t) => {
  const folder = t.testdir({
    'site.yaml': site,
    'policy.yaml': policy,
    bundles: { 'cloud.pem': 'x' },
    run: {},
  });
  const paths = [join(folder, 'site.yaml'), join(folder, 'policy.yaml')];
  const file = join(folder, 'run', 'deep', 'site.yaml');
  const before = await putInForce(paths, file);
  const after = await readSiteFiles([file]);
  const [peer] = after.site.peers;
  t.equal(peer?.trustBundle, join(folder, 'bundles', 'cloud.pem'));
  t.equal(after.policies[0]?.rules.length, 1);
  t.strictSame(after.networkServices, before.networkServices);
  t.strictSame(after, before);
  t.strictSame(readdirSync(join(folder, 'run', 'deep')), ['site.yaml'], 'and nothing beside it');
});

t.test('what is wrong, or objected to, does not get there', async (t) => {
  const folder = t.testdir({ 'site.yaml': site, bundles: { 'cloud.pem': 'x' } });
  const [path, file] = [join(folder, 'site.yaml'), join(folder, 'now.yaml')];
  await putInForce([path], file);
  const before = readFileSync(file, 'utf8');

  writeFileSync(path, site.replace('wan0', '[]'));
  await t.rejects(putInForce([path], file), SiteError);
  t.equal(readFileSync(file, 'utf8'), before);

  writeFileSync(path, site.replace('edge', 'other'));
  const no = new Error('no');
  await t.rejects(
    putInForce([path], file, ({ site: { name } }) => (name === 'other' ? no : undefined)),
    no,
  );
  t.equal(readFileSync(file, 'utf8'), before);
});
