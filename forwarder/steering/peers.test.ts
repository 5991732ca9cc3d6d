// SPDX-License-Identifier: Apache-2.0
/** What a strand carries: the least of what its devices say and what was found to pass; over the end of a life, too. */
import t from 'tap';
import { strand as layout, type Strand } from '../../bpf/loader/layout.js';
import type { TunnelNode } from '../mechanisms/vxlan/node.js';
import type { Link } from '../underlay/link.js';
import { Peers } from './peers.js';
import type { Plane } from './plane.js';

/** A plane whose maps are these values. */
function planeOf(strands: Map<number, Strand>): Plane {
  const nothing = () => undefined;
  const change = (id: number, change: Partial<Strand>): void => {
    const before = strands.get(id) ?? {};
    strands.set(id, layout.decode(layout.encode({ ...before, ...change })));
  };
  return {
    setName: nothing,
    namesOf: () => new Map([[1, { name: 'cloud' }]]),
    strands: {
      make: change,
      place: change,
      setDown: (id: number, down: number) => change(id, { down }),
      avoid: () => 0,
      setAvoid: nothing,
      end: (id: number) => strands.delete(id),
    },
    tables: {
      paths: { set: nothing, delete: nothing },
      strands: {
        entries: () => [...strands].map(([value, found]) => [{ value }, found]),
        get: ({ value }: { value: number }) => strands.get(value),
      },
    },
  } as unknown as Plane;
}

function linkOf(mtu: number): Link {
  const config = { name: 'fibre', network: 'n' };
  const addresses = { v4: '192.0.2.1' };
  return { id: 1, config, ifindex: 2, up: true, addresses, mtu } as unknown as Link;
}

const far = { name: 'wan0', network: 'n', v4: '198.51.100.1', mtu: 1_500, class: 'x' };
const cloud = { name: 'cloud', site: 'cloud', links: [far] } as unknown as TunnelNode;

t.test('a limit holds while links change, until it is taken away', (t) => {
  const strands = new Map<number, Strand>();
  const peers = new Peers(planeOf(strands));
  peers.set(cloud);
  const converge = (mtu: number) => peers.converge([linkOf(mtu)], () => 9);
  converge(1_500);
  const [id = 0] = strands.keys();
  const both = () => [strands.get(id)?.mtu, peers.mtu(id)];
  t.strictSame(both(), [1_450, 1_450]);
  peers.limit(id, 1_396);
  t.strictSame(both(), [1_396, 1_396]);
  converge(1_500);
  t.strictSame(both(), [1_396, 1_396]);
  converge(1_400);
  t.strictSame(both(), [1_350, 1_350], 'devices that carry less');
  converge(1_500);
  peers.limit(id, undefined);
  t.strictSame(both(), [1_450, 1_450]);
  peers.limit(99, 1_300);
  t.equal(peers.mtu(99), undefined);
  t.end();
});

t.test('what a former life found holds', (t) => {
  const strands = new Map<number, Strand>();
  const former = new Peers(planeOf(strands));
  former.set(cloud);
  former.converge([linkOf(1_500)], () => 9);
  const [id = 0] = strands.keys();
  former.limit(id, 1_396);
  const next = new Peers(planeOf(strands));
  next.set(cloud);
  next.converge([linkOf(1_500)], () => 9);
  t.strictSame([strands.get(id)?.mtu, next.mtu(id)], [1_396, 1_396]);
  next.limit(id, undefined);
  t.equal(strands.get(id)?.mtu, 1_450);
  t.end();
});
