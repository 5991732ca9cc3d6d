// SPDX-License-Identifier: Apache-2.0
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { silentLogger } from '../../api/log/log.js';
import type { SiteFiles, SiteLink } from '../../api/site/types.js';
import { policyDocuments } from './documents.js';
import { NodePolicies } from './node-policies.js';
import { AppliedPolicies } from './policies.js';

const log = silentLogger();

const text = (name: string, spec: string): string =>
  `# why: ${name}\napiVersion: wanwire.io/v1alpha1\nkind: SteeringPolicy\n` +
  `metadata: {name: ${name}}\nspec: {${spec}}\n`;

const documents = (...texts: readonly string[]) => policyDocuments(texts.join('---\n'), 'test');

function folder(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'ww-policies-'));
  t.teardown(() => rmSync(path, { recursive: true }));
  return path;
}

function link(name: string, cls: string): SiteLink {
  const none = {
    addresses: [],
    gateways: [],
    rateMbps: undefined,
    mtu: undefined,
    capGB: undefined,
    quality: undefined,
  };
  const rest = {
    device: name,
    network: 'internet',
    profile: 'fixed',
    billing: 'flat',
    trusted: true,
  } as const;
  return { name, class: cls, ...none, ...rest };
}

function site(
  policies: readonly string[],
  links = [link('fibre', 'a'), link('lte', 'b')],
): SiteFiles {
  const plain = { name: 'edge', trustDomain: 'edge', control: [], peers: [], vxlanPort: 4790 };
  return {
    site: { ...plain, links, identities: [], gateway: undefined },
    policies: policies.length === 0 ? [] : documents(...policies).map(({ policy }) => policy),
    networkServices: [],
  };
}

/** A node whose tables are in force as soon as they are asked for. */
function node(t: Test, policies: readonly string[]) {
  const path = join(folder(t), 'policies');
  const inForce: string[][] = [];
  let refuse = false;
  const open = (files: SiteFiles) =>
    new NodePolicies({
      applied: AppliedPolicies.open(path, log),
      site: files,
      log,
      async enforce(wanted) {
        if (refuse) throw new Error('the kernel is full');
        inForce.push(wanted.policies.map((one) => `${one.name}:${one.default}`));
        return inForce.length;
      },
    });
  return {
    path,
    inForce,
    open,
    policies: open(site(policies)),
    setRefuse: (to: boolean) => (refuse = to),
  };
}

t.test('a text of several documents, each with its comments', (t) => {
  const both = documents(
    '---\n',
    text('one', 'services: [wan], default: a'),
    text('two', 'services: [web], default: b'),
  );
  t.same(
    both.map(({ policy }) => policy.name),
    ['one', 'two'],
  );
  t.match(both[1]?.text, /# why: two/);
  t.notMatch(both[1]?.text, /one/);
  t.throws(() => policyDocuments('', 'x.yaml'), { code: 3, message: /^x\.yaml: / });
  t.end();
});

t.test('applied policies outlive the process, and nobody else reads them', (t) => {
  const path = join(folder(t), 'policies');
  const [one, two] = documents(
    text('one', 'services: [wan], default: a'),
    text('two', 'services: [web], default: b'),
  );
  if (one === undefined || two === undefined) throw new TypeError('no documents');
  const before = AppliedPolicies.open(path, log);
  before.save([two, one]);
  t.equal(statSync(path).mode & 0o777, 0o700);
  t.equal(statSync(join(path, 'one.yaml')).mode & 0o777, 0o600);
  t.strictSame(readdirSync(path).sort(), ['one.yaml', 'two.yaml']);
  const after = AppliedPolicies.open(path, log);
  t.strictSame(after.all, [one, two]);
  after.delete('one');
  after.delete('one');
  t.strictSame(AppliedPolicies.open(path, log).all, [two]);
  t.end();
});

t.test('what cannot be understood is left where it is and not used', (t) => {
  const path = folder(t);
  const good = text('good', 'services: [wan], default: a');
  const head = '# wanwire: a policy that was applied, format 1\n';
  writeFileSync(join(path, 'good.yaml'), head + good);
  writeFileSync(join(path, 'other.yaml'), head + good);
  writeFileSync(
    join(path, 'later.yaml'),
    head.replace('1', '2') + text('later', 'services: [x], default: a'),
  );
  writeFileSync(join(path, 'broken.yaml'), `${head}{{{`);
  writeFileSync(join(path, 'half.yaml.new'), head);
  mkdirSync(join(path, 'folder.yaml'));
  t.same(
    AppliedPolicies.open(path, log).all.map(({ policy }) => policy.name),
    ['good'],
  );
  const left = ['broken.yaml', 'folder.yaml', 'good.yaml', 'later.yaml', 'other.yaml'];
  t.strictSame(readdirSync(path).sort(), left);
  t.end();
});

t.test("an applied policy goes over the site's, and removed it is the site's again", async (t) => {
  const { policies, inForce, open } = node(t, [text('default', 'services: [wan], default: a')]);
  t.match(policies.all, [{ name: 'default', from: 'site', services: ['wan'] }]);
  t.match(await policies.apply(documents(text('default', 'services: [wan], default: b'))), {
    generation: 1,
  });
  t.match(policies.all, [{ name: 'default', from: 'applied' }]);
  await policies.apply(documents(text('more', 'services: [web], default: a')));
  t.strictSame(inForce.at(-1), ['default:b', 'more:a']);

  const again = open(site([text('default', 'services: [wan], default: a')]));
  t.same(
    again.files.policies.map((one) => one.default),
    ['b', 'a'],
    'also in the next life',
  );
  await again.siteChanged(
    site([
      text('default', 'services: [wan], default: a'),
      text('third', 'services: [third], default: b'),
    ]),
  );
  t.strictSame(
    inForce.at(-1),
    ['third:b', 'default:b', 'more:a'],
    "and when the site's file changes",
  );

  await again.remove('default');
  t.strictSame(inForce.at(-1), ['default:a', 'third:b', 'more:a']);
  await t.rejects(again.remove('default'), {
    code: status.FAILED_PRECONDITION,
    message: /site file's own/,
  });
  await t.rejects(again.remove('none'), {
    code: status.NOT_FOUND,
    message: /those that are \(more\)/,
  });
});

t.test('what does not fit the links or the other policies changes nothing', async (t) => {
  const { policies, inForce, path } = node(t, [text('default', 'services: [wan], default: a')]);
  const wrong: readonly (readonly [spec: string, message: RegExp])[] = [
    ['services: [x], default: lowlat', /policy new: default: "lowlat" .* a class: a, b/],
    [
      'services: [x], default: c, classes: {c: {links: [{name: fiber}]}}',
      /links of c: "fiber".*did you mean fibre/,
    ],
    ['services: [x], default: a, classes: {c: {links: [{class: z}]}}', /links of c: "z"/],
    ['services: [x], default: a, classes: {a: {fallback: [q]}}', /fallback of a: "q"/],
    [
      'services: [x], default: a, rules: [{name: r, match: {dscp: [ef]}, class: k}]',
      /class of rule r: "k"/,
    ],
    [
      'services: [wan], default: a',
      /policy new: services: "wan" .* that policy default does not make/,
    ],
    ['services: [p, q, r, s, t, u], default: a', /services: \d+ is not valid: want at most 15/],
  ];
  for (const [spec, message] of wrong) {
    await t.rejects(policies.apply(documents(text('new', spec))), { code: 3, message }, spec);
  }
  t.strictSame(inForce, []);
  t.strictSame(readdirSync(path), []);
  t.match(policies.all, [{ name: 'default', from: 'site' }]);
});

t.test(
  'what cannot be put in force is not kept, what cannot be kept is not in force',
  async (t) => {
    const { policies, inForce, path, setRefuse } = node(t, [
      text('default', 'services: [wan], default: a'),
    ]);
    const other = documents(text('default', 'services: [wan], default: b'));
    setRefuse(true);
    await t.rejects(policies.apply(other), /the kernel is full/);
    t.strictSame(readdirSync(path), []);
    setRefuse(false);
    rmSync(path, { recursive: true });
    await t.rejects(policies.apply(other), { code: 'ENOENT' });
    t.strictSame(inForce, [['default:b'], ['default:a']], 'back to what was');
    t.match(policies.all, [{ from: 'site' }]);
    mkdirSync(path);
    chmodSync(path, 0o700);
    t.match(await policies.apply(other), { generation: 3 }, 'the next one is not harmed');
  },
);

t.test(
  "an applied policy that a changed site's file does not fit is left out until it does",
  async (t) => {
    const { policies, inForce } = node(t, []);
    await policies.apply(documents(text('mine', 'services: [mine], default: b')));
    await policies.siteChanged(site([], [link('fibre', 'a')]));
    t.strictSame(inForce.at(-1), []);
    t.strictSame(policies.all, []);
    await policies.siteChanged(site([]));
    t.strictSame(inForce.at(-1), ['mine:b']);
  },
);
