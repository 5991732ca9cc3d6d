// SPDX-License-Identifier: Apache-2.0
/** From one state of a cable to another: the list of what is done, as text. */
import t from 'tap';
import { changed, firstState, plainState } from '../changes.js';
import { defaultLab } from '../default.js';
import { planOf, type CablePlan } from '../plan.js';
import type { CableState } from '../state.js';
import type { LabFile, LinkChange } from '../types.js';
import { operations, type Operation } from './operations.js';

const network: LabFile = {
  ...defaultLab('n'),
  spec: {
    sites: ['a', 'b'].map((name) => ({
      name,
      links: [{ name: 'wan0', network: 'net', addresses: [] }],
    })),
  },
};
const cable = planOf(defaultLab('l')).cables[0] as CablePlan;
const attached = planOf(network).cables[0] as CablePlan;

const facts = { wires: 'W', netem: false, object: 'O' };

function texts(all: readonly Operation[]): string[] {
  return all.map((one) => {
    switch (one.kind) {
      case 'ip':
        return `ip ${one.netns}: ${one.line}`;
      case 'tc':
        return `tc: ${one.line.replace('ingress protocol all prio 1 handle 1 bpf da obj O sec classifier/', '')}`;
      case 'unqueue':
        return `unqueue ${one.device}`;
      case 'lane':
        return `lane ${String(one.lane)} ${Object.values(one.shape).join(' ')}`;
      default:
        return one.kind;
    }
  });
}

/** What each change in turn does, and the state after the last. */
function steps(of: CablePlan, changes: readonly LinkChange[], netem = false): string[][] {
  let state: CableState = plainState(of);
  return changes.map((change) => {
    const after = changed(of, state, change);
    const done = texts(operations(of, state, after, { ...facts, netem }));
    state = after;
    return done;
  });
}

t.test('delay: the relay first, then frames are sent to it; back in the other order', async (t) => {
  const [there, more, back] = steps(cable, [{ delay: '80ms' }, { delay: '10ms' }, { plain: true }]);
  t.same(there, [
    'relay',
    'ip W: link set dev t0a mtu 1500 txqueuelen 10000 up',
    'ip W: link set dev t0b mtu 1500 txqueuelen 10000 up',
    'tc: qdisc replace dev t0a clsact',
    'tc: filter replace dev t0a relay',
    'tc: qdisc replace dev t0b clsact',
    'tc: filter replace dev t0b relay',
    'lane 0 80 0 0 0',
    'tc: filter replace dev c0a relay',
    'lane 1 80 0 0 0',
    'tc: filter replace dev c0b relay',
  ]);
  t.same(more, ['lane 0 10 0 0 0', 'lane 1 10 0 0 0'], 'only what differs');
  t.same(back, ['tc: filter replace dev c0a peer', 'tc: filter replace dev c0b peer', 'no relay']);
});

t.test('one way only', async (t) => {
  const [loss, rate, lost, up] = steps(cable, [
    { loss: '5%', toward: 'edge' },
    { rate: '20mbit', toward: 'cloud' },
    { down: true, toward: 'cloud' },
    { up: true, toward: 'cloud' },
  ]);
  t.same(loss?.slice(-2), ['lane 1 0 0 5 0', 'tc: filter replace dev c0b relay']);
  t.same(rate, [
    'tc: qdisc replace dev c0b root handle 1: tbf rate 20000000bit burst 5000 limit 250000',
    'tc: filter replace dev c0a out',
  ]);
  t.same(lost, ['tc: filter replace dev c0a lost', 'unqueue c0b']);
  t.same(up, rate);
});

t.test('down and up are the carrier’s; an MTU is that of all devices', async (t) => {
  t.same(
    steps(cable, [
      { down: true },
      { up: true },
      { up: true },
      { delay: '1ms' },
      { mtu: 1400 },
    ]).toSpliced(3, 1),
    [
      ['ip W: link set dev c0a down', 'ip W: link set dev c0b down'],
      ['ip W: link set dev c0a up', 'ip W: link set dev c0b up'],
      [],
      [
        'ip ww-l-edge: link set dev wan0 mtu 1400',
        'ip W: link set dev c0a mtu 1400',
        'ip W: link set dev t0a mtu 1400',
        'ip ww-l-cloud: link set dev wan0 mtu 1400',
        'ip W: link set dev c0b mtu 1400',
        'ip W: link set dev t0b mtu 1400',
      ],
    ],
  );
});

t.test('a network decides by address for whom a frame is', async (t) => {
  const [, back] = steps(attached, [
    { down: true, toward: 'a' },
    { up: true, toward: 'a' },
  ]);
  t.same(back, ['tc: filter replace dev c0b out']);
});

t.test(
  'netem: its rate keeps the order of packets, and the sender sends each by itself',
  async (t) => {
    const [there, back] = steps(
      cable,
      [{ delay: '5ms', jitter: '1ms', toward: 'cloud' }, { plain: true }],
      true,
    );
    t.same(there, [
      'tc: qdisc replace dev c0b root handle 1: netem limit 100000 delay 5000us 1000us loss 0% rate 100000000000bit',
      'tc: filter replace dev c0a out',
      'ip ww-l-edge: link set dev wan0 gso_max_segs 1',
    ]);
    t.same(back, [
      'tc: filter replace dev c0a peer',
      'unqueue c0b',
      'ip ww-l-edge: link set dev wan0 gso_max_segs 65535',
    ]);
  },
);

t.test('after a crash in a change everything is said again', async (t) => {
  const done = texts(operations(cable, undefined, firstState(cable), { ...facts, netem: true }));
  for (const part of [
    'filter replace dev c0a peer',
    'unqueue c0a',
    'unqueue c0b',
    'no relay',
    'link set dev c0b up',
    'wan0 mtu 1500',
    'gso_max_segs 65535',
  ]) {
    t.ok(
      done.some((line) => line.includes(part)),
      part,
    );
  }
});
