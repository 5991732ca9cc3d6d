// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { siteFilesOf } from '../../api/site/read.js';
import { planOf } from './plan.js';

const site = `apiVersion: wanwire.io/v1alpha1
kind: Site
metadata: {name: cloud}
spec:
  links:
    - {name: fibre, device: wan0, class: low-latency, network: mpls, trusted: true}
    - {name: lte, device: wan1, billing: metered, trusted: true}
  gateway: {prefixes: [["172.16.0.0/16"]], routes: ["10.60.0.0/24"]}
`;

const policy = (name: string, spec: string): string => `---
apiVersion: wanwire.io/v1alpha1
kind: SteeringPolicy
metadata: {name: ${name}}
spec: ${spec}
`;

const service = (name: string): string => `---
apiVersion: networkservicemesh.io/v1
kind: NetworkService
metadata: {name: ${name}}
spec:
  payload: IP
  matches:
    - {source_selector: {app: sip}, routes: [{destination_selector: {link: fibre}}]}
`;

const fibre = {
  link: 'fibre',
  class: 'low-latency',
  network: 'mpls',
  billing: 'flat',
  site: 'cloud',
};
const lte = {
  link: 'lte',
  class: 'best-effort',
  network: 'internet',
  billing: 'metered',
  site: 'cloud',
};

const plan = async (...texts: readonly string[]) =>
  planOf(await siteFilesOf([{ path: 'site.yaml', text: texts.join('') }]));

t.test('a site without a policy: every link, and each class of the links', async (t) => {
  t.strictSame(await plan(site), {
    services: ['wan', 'wan-low-latency', 'wan-best-effort'],
    entries: [
      { name: 'cloud-wan', services: { wan: { site: 'cloud' } } },
      { name: 'cloud-wan-fibre', services: { wan: fibre } },
      { name: 'cloud-wan-lte', services: { wan: lte } },
      { name: 'cloud-wan-low-latency-fibre', services: { 'wan-low-latency': fibre } },
      { name: 'cloud-wan-best-effort-lte', services: { 'wan-best-effort': lte } },
    ],
  });
});

t.test('what is told of a link is told of each entry that is for it', async (t) => {
  const files = await siteFilesOf([{ path: 'site.yaml', text: site }]);
  const { entries } = planOf(files, (link) => (link === 'lte' ? { state: 'down' } : {}));
  const states = entries.map(({ name, services }) => [name, Object.values(services)[0]?.['state']]);
  t.strictSame(states, [
    ['cloud-wan', undefined],
    ['cloud-wan-fibre', undefined],
    ['cloud-wan-lte', 'down'],
    ['cloud-wan-low-latency-fibre', undefined],
    ['cloud-wan-best-effort-lte', 'down'],
  ]);
});

t.test(
  "a policy's classes: by each link of the class, whatever the link's own class",
  async (t) => {
    const classes =
      '{bulk: {links: [{name: fibre, weight: 25}, {class: best-effort, weight: 75}]}}';
    const { services, entries } = await plan(
      site,
      policy('default', `{services: [wan], classes: ${classes}, default: bulk}`),
    );
    t.strictSame(services, ['wan', 'wan-bulk', 'wan-low-latency', 'wan-best-effort']);
    t.strictSame(
      entries.filter(({ name }) => name.startsWith('cloud-wan-bulk')),
      [
        { name: 'cloud-wan-bulk-fibre', services: { 'wan-bulk': fibre } },
        { name: 'cloud-wan-bulk-lte', services: { 'wan-bulk': lte } },
      ],
    );
  },
);

t.test('a name and a class that must both fit', async (t) => {
  const classes = '{none: {links: [{name: fibre, class: best-effort}], fallback: [low-latency]}}';
  const { entries } = await plan(
    site,
    policy('default', `{services: [wan], classes: ${classes}, default: none}`),
  );
  t.strictSame(
    entries.filter(({ name }) => name.startsWith('cloud-wan-none')),
    [{ name: 'cloud-wan-none', services: { 'wan-none': { site: 'cloud' } } }],
    'a class without a link here is there all the same',
  );
});

t.test('several policies, each with services of its own', async (t) => {
  const { services, entries } = await plan(
    site,
    policy('one', '{services: [wan, office], default: low-latency}'),
    policy('two', '{services: [guests], default: best-effort}'),
  );
  t.strictSame(services.slice(0, 3), ['wan', 'office', 'guests']);
  const names = entries.map(({ name }) => name);
  for (const one of ['cloud-office', 'cloud-office-fibre', 'cloud-guests-best-effort-lte']) {
    t.ok(names.includes(one), one);
  }
  t.equal(new Set(names).size, names.length);
});

t.test('two services that come to one name are services of one endpoint', async (t) => {
  const tricky = site.replace('name: lte', 'name: low-latency-fibre');
  const { entries } = await plan(tricky);
  const [one, ...others] = entries.filter(({ name }) => name === 'cloud-wan-low-latency-fibre');
  t.strictSame(Object.keys(one?.services ?? {}), ['wan', 'wan-low-latency']);
  t.equal(one?.services['wan']?.['link'], 'low-latency-fibre');
  t.equal(one?.services['wan-low-latency']?.['link'], 'fibre');
  t.strictSame(others, []);
});

t.test("a service that a document names is the manager's to register", async (t) => {
  const { services, entries } = await plan(site, service('wan'), service('else'));
  t.strictSame(services, ['wan-low-latency', 'wan-best-effort']);
  t.ok(entries.some(({ services: { wan } }) => wan?.['link'] === 'fibre'));
  t.notOk(entries.some(({ services: all }) => 'else' in all));
});

t.test('a site that is no gateway provides nothing', async (t) => {
  t.strictSame(await plan(site.replace(/ {2}gateway.*\n/, '')), { services: [], entries: [] });
});
