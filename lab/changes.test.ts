// SPDX-License-Identifier: Apache-2.0
/** What a file's and a user's words come to. */
import t from 'tap';
import { changed, firstState, plainState } from './changes.js';
import { defaultLab } from './default.js';
import { LabInputError } from './file/mistakes.js';
import { parseLabFile } from './file/read.js';
import { namespacesOf, planOf, type CablePlan } from './plan.js';
import type { LabFile, LinkChange } from './types.js';

const cable = planOf(defaultLab('l')).cables[0] as CablePlan;

t.test('what is said of one way goes before what is said of both, whoever says it', async (t) => {
  const text = `
apiVersion: wanwire.io/v1alpha1
kind: Lab
metadata: {name: l}
spec:
  sites:
    - name: edge
      links: [{name: wan0, cable: c, delay: 5ms, toward: {edge: {delay: 50ms}}}]
    - name: cloud
      links: [{name: wan0, cable: c, rate: 1mbit, mtu: 1400}]
`;
  const { directions, mtu } = firstState(planOf(parseLabFile(text, 'x')).cables[0] as CablePlan);
  const [out, back] = directions;
  t.match(out.shape, { delayMs: 5, rateBits: 1e6 });
  t.match(back.shape, { delayMs: 50, rateBits: 1e6 });
  t.same(mtu, [1400, 1400], 'a cable has one MTU, whoever says it');
});

t.test('what is not given stays', async (t) => {
  const first = changed(cable, plainState(cable), { delay: '80ms', rate: '20mbit' });
  const then = changed(cable, first, { loss: '5%', toward: 'cloud' });
  t.match(then.directions[0].shape, { delayMs: 80, rateBits: 20e6, lossPercent: 5 });
  t.same(then.directions[1], first.directions[1]);
  const none = changed(cable, then, { delay: 'none', rate: '0', loss: '0' });
  t.same(none, plainState(cable));
});

t.test('down, lost and up', async (t) => {
  const down = changed(cable, plainState(cable), { down: true });
  t.equal(down.up, false);
  const lost = changed(cable, down, { down: true, toward: 'edge' });
  t.same(
    lost.directions.map((one) => one.lost),
    [false, true],
  );
  t.equal(lost.up, false, 'what is pulled stays so');
  t.same(changed(cable, lost, { up: true }), plainState(cable), 'up mends all');
  t.same(changed(cable, lost, { plain: true }), plainState(cable));
  const oneWay = changed(cable, lost, { up: true, toward: 'edge' });
  t.same([oneWay.up, oneWay.directions[1].lost], [false, false]);
});

t.test('at a network with one other site, that site is where everything goes', async (t) => {
  const site = (name: string, devices: readonly string[], more = {}) => ({
    name,
    links: devices.map((device) => ({ name: device, network: 'net', addresses: [], ...more })),
  });
  const first = (...sites: LabFile['spec']['sites']): CablePlan =>
    planOf({ ...defaultLab(), spec: { sites } }).cables[0] as CablePlan;
  const two = first(site('a', ['wan0', 'wan1']), site('b', ['wan0']));
  for (const toward of ['b', 'net']) {
    const { directions } = changed(two, plainState(two), { down: true, toward });
    t.same(
      directions.map(({ lost }) => lost),
      [true, false],
      toward,
    );
  }
  const told = first(site('a', ['wan0'], { toward: { b: { loss: '5%' } } }), site('b', ['wan0']));
  t.equal(firstState(told).directions[0].shape.lossPercent, 5, 'in a file too');
  const three = first(site('a', ['wan0']), site('b', ['wan0']), site('c', ['wan0']));
  const all = /want a or net: all that a sends/;
  t.throws(() => changed(three, plainState(three), { down: true, toward: 'b' }), all);
});

const refused: readonly (readonly [LinkChange, RegExp])[] = [
  [{}, /nothing to change/],
  [{ toward: 'cloud' }, /nothing to change/],
  [{ delay: '80' }, /delay: "80" is not valid: want a time/],
  [{ jitter: 'x' }, /jitter: "x"/],
  [{ loss: '101%' }, /loss: "101%"/],
  [{ rate: 'fast' }, /rate: "fast"/],
  [{ mtu: 1279 }, /mtu: 1279.*IPv6/],
  [{ mtu: NaN }, /mtu: null/],
  [{ mtu: 1400, toward: 'cloud' }, /toward: "cloud"/],
  [{ down: true, toward: 'moon' }, /toward: "moon" is not valid: want edge or cloud/],
  [{ up: true, down: true }, /either up or down/],
];
for (const [change, says] of refused) {
  t.test(`refused: ${JSON.stringify(change)}`, async (t) => {
    t.throws(() => changed(cable, plainState(cable), change), says);
    t.throws(() => changed(cable, plainState(cable), change), LabInputError);
  });
}

t.test('all mistakes of a change at once', async (t) => {
  const change = { delay: 'x', loss: 'y', rate: 'z' };
  t.throws(() => changed(cable, plainState(cable), change), /delay.*\n.*loss.*\n.*rate/);
});

t.test('names of the default lab, and numbers that a program can reckon with', async (t) => {
  const plan = planOf(defaultLab('l'));
  t.same(namespacesOf(plan), [
    'ww-l.wires',
    'ww-l-edge',
    'ww-l-edge-client',
    'ww-l-cloud',
    'ww-l-cloud-server',
  ]);
  for (const { ends } of plan.cables) t.equal(ends[0].index ^ ends[1].index, 1);
  const indices = plan.cables.flatMap(({ ends }) => ends.map(({ index }) => index));
  t.equal(new Set(indices).size, 4);
});
