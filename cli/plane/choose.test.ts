// SPDX-License-Identifier: Apache-2.0
/** Which forwarder, which wire, which strand; and what is said where that is not clear. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { KernelError } from '../../api/errors/kernel-error.js';
import { memoryMaps } from '../../test/doubles/memory-maps.js';
import { fillPlane, wireIds } from '../../test/doubles/plane-fixture.js';
import { chooseStrand, chooseWire } from './choose.js';
import { chooseNode, inWords, socketOf } from './node.js';
import { readPlane } from './read.js';

const maps = memoryMaps();
fillPlane(maps.map);
const { plane } = readPlane(maps);

t.test('a wire by its id, by a beginning, or as the only one', (t) => {
  t.equal(chooseWire(plane, wireIds.web).id, wireIds.web);
  t.equal(chooseWire(plane, '3f2a9c1e-b').id, wireIds.web);
  const [sip] = plane.wires;
  const one = { wires: sip === undefined ? [] : [sip] };
  t.equal(chooseWire(one, undefined).id, wireIds.sip);
  // The whole id of one may be the beginning of another's.
  const within = {
    wires: plane.wires.map((wire, at) => ({ ...wire, id: at === 0 ? 'ab' : 'abc' })),
  };
  t.equal(chooseWire(within, 'ab').id, 'ab');

  const several = new RegExp(`--wire "3f2a" is the beginning of several wires: .*${wireIds.sip}`);
  t.throws(() => chooseWire(plane, '3f2a'), { code: 3, message: several });
  t.throws(() => chooseWire(plane, undefined), {
    code: 3,
    message: /several wires: choose one with --wire/,
  });
  const unknown = new RegExp(
    `no wire has the id "3f2a9c1e-c": want one of ${wireIds.web.slice(0, 9)}`,
  );
  t.throws(() => chooseWire(plane, '3f2a9c1e-c'), { code: 5, message: unknown });
  t.throws(() => chooseWire({ wires: [] }, 'x'), {
    code: 5,
    message: 'there are no steered wires',
  });
  t.end();
});

t.test('a strand by its name', (t) => {
  t.equal(chooseStrand(plane, 'lte-cloud/wan1').id, 2);
  t.throws(() => chooseStrand(plane, 'fiber-cloud/wan0'), {
    code: 5,
    message:
      'no strand has the name "fiber-cloud/wan0": want one of fibre-cloud/wan0, lte-cloud/wan0, lte-cloud/wan1',
  });
  t.throws(() => chooseStrand({ strands: [] }, 'x'), {
    code: 5,
    message: /no wire leads to another site/,
  });
  t.end();
});

const directories = ['/sys/fs/bpf/wanwire/edge-forwarder', '/sys/fs/bpf/wanwire/a%2Fb'];

t.test('a forwarder by its name, as the only one, or by what the environment says', async (t) => {
  const sole = await chooseNode({}, {}, directories.slice(0, 1));
  t.match(sole, { name: 'edge-forwarder', directory: directories[0] });
  t.strictSame(sole.sockets, [
    '/run/wanwire/edge-forwarder/operator.sock',
    '/run/wanwire/edge/forwarder/operator.sock',
  ]);
  const slash = await chooseNode({ name: 'a/b' }, {}, directories);
  t.match(slash, { directory: directories[1], sockets: ['/run/wanwire/a%2Fb/operator.sock'] });
  const env = { WANWIRE_BPF_DIR: '/bpf/mine', WANWIRE_STATE_DIR: '/state' };
  const given = await chooseNode({}, env, directories);
  t.strictSame(given, { name: 'mine', directory: '/bpf/mine', sockets: ['/state/operator.sock'] });

  await t.rejects(chooseNode({}, {}, directories), {
    code: 3,
    message: 'there are several forwarders: choose one with --name (edge-forwarder, a/b)',
  });
  await t.rejects(chooseNode({ name: 'edgeforwarder' }, {}, directories), {
    code: 5,
    message:
      'no data plane of forwarder "edgeforwarder" on this machine: there is edge-forwarder, a/b',
  });
  await t.rejects(chooseNode({}, {}, []), {
    code: 5,
    message: /^no data plane of a forwarder on this machine/,
  });
  const unset = await chooseNode({}, { WANWIRE_BPF_DIR: '/bpf/x', WANWIRE_STATE_DIR: '' }, []);
  t.equal(unset.sockets[0], '/run/wanwire/x/operator.sock', 'an empty variable is not set');
});

t.test("a forwarder by its site's file", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'ww-node-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'site.yaml');
  const spec = 'spec: {links: [{name: fibre, device: wan0, trusted: true}]}';
  writeFileSync(
    file,
    `apiVersion: wanwire.io/v1alpha1\nkind: Site\nmetadata: {name: edge}\n${spec}\n`,
  );
  t.match(await chooseNode({ file: [file] }, {}, directories), { name: 'edge-forwarder' });
  writeFileSync(file, 'kind: Site\n');
  await t.rejects(chooseNode({ file: [file] }, {}, directories), { name: 'SiteError', code: 3 });
});

t.test("where the operator's socket is", (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'ww-node-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const [first, second] = [join(folder, 'a'), join(folder, 'b')];
  const node = { name: 'x', directory: '/x', sockets: [first, second] };
  t.equal(socketOf(node, null), first);
  mkdirSync(second);
  t.equal(socketOf(node, null), second, 'the one that is there');
  t.equal(socketOf(node, '/told'), second, 'also where the one that was written down is not');
  mkdirSync(join(folder, 'told'));
  t.equal(socketOf(node, join(folder, 'told')), join(folder, 'told'), 'the one written down');
  const none = { ...node, sockets: ['/x/a', '/x/b'] };
  t.equal(socketOf(none, '/told'), '/told', 'where there is none, the one to complain about');
  t.equal(
    socketOf({ ...node, sockets: ['/given'] }, '/told'),
    '/given',
    'the one that we were given',
  );
  t.end();
});

t.test('pins that cannot be opened', (t) => {
  const node = { name: 'edge', directory: '/x', sockets: [] };
  const none = inWords(new KernelError(2, 'open map /x/maps/control'), node);
  t.match(none, { code: 5, message: /no data plane of forwarder "edge".*has not started yet/ });
  const forbidden = inWords(new KernelError(1, 'open map /x/maps/control'), node);
  t.match(forbidden, { code: 7, message: /EPERM: reading pinned maps needs root/ });
  const bug = new TypeError('x');
  t.equal(inWords(bug, node), bug);
  t.end();
});
