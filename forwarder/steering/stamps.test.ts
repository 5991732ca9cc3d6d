// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { silentLogger } from '../../api/log/log.js';
import type { Link } from '../underlay/link.js';
import type { PlaneProgram } from './plane.js';
import { Stamps, type StampPlane } from './stamps.js';

type Device = Pick<Link, 'ifindex' | 'bare'>;
const links = (...devices: readonly Device[]): readonly Link[] => devices as readonly Link[];

/** A plane that knows what is attached, by `PROGRAM-IFINDEX`. */
function planeOf(...there: readonly string[]) {
  const attached = new Set(there);
  const asked: string[] = [];
  const refused = new Set<number>();
  const plane: StampPlane = {
    attach: (program, ifindex) => {
      asked.push(`${program}-${String(ifindex)}`);
      if (refused.has(ifindex)) return Promise.reject(new Error('ENODEV'));
      attached.add(`${program}-${String(ifindex)}`);
      return Promise.resolve({ kind: 'tcx', detach: () => Promise.resolve() });
    },
    attached: () =>
      Promise.resolve(
        [...attached].map((name) => {
          const at = name.lastIndexOf('-');
          const detach = () => Promise.resolve(void attached.delete(name));
          return {
            program: name.slice(0, at) as PlaneProgram,
            ifindex: Number(name.slice(at + 1)),
            detach,
          };
        }),
      ),
    unpin: (program, ifindex) => void attached.delete(`${program}-${String(ifindex)}`),
  };
  return { plane, asked, refused, names: () => [...attached].sort() };
}

t.test('at each device once, with or without an Ethernet header', async (t) => {
  const { plane, asked, names } = planeOf();
  const stamps = new Stamps(plane, silentLogger());
  await stamps.follow(
    links({ ifindex: 3 }, { ifindex: 0 }, { ifindex: 4, bare: true }, { ifindex: 3 }),
  );
  t.strictSame(names(), ['stamp_rx-3', 'stamp_rx_l3-4', 'stamp_tx-3', 'stamp_tx_l3-4']);
  await stamps.follow(links({ ifindex: 3 }, { ifindex: 4, bare: true }));
  t.equal(asked.length, 4, 'what is there is not attached again');
});

t.test('what a former life left is adopted, and taken away elsewhere', async (t) => {
  const { plane, names } = planeOf('stamp_rx-3', 'stamp_tx-3', 'stamp_rx-9', 'stamp_rx_l3-3');
  await new Stamps(plane, silentLogger()).follow(links({ ifindex: 3 }));
  t.strictSame(names(), ['stamp_rx-3', 'stamp_tx-3']);
});

t.test('a replaced device has them, its forerunner no pin', async (t) => {
  const { plane, names } = planeOf();
  const stamps = new Stamps(plane, silentLogger());
  await stamps.follow(links({ ifindex: 3 }));
  await Promise.all([stamps.follow(links({ ifindex: 0 })), stamps.follow(links({ ifindex: 5 }))]);
  t.strictSame(names(), ['stamp_rx-5', 'stamp_tx-5']);
});

t.test('one that is refused is tried again with the next news', async (t) => {
  const { plane, names, refused } = planeOf();
  const stamps = new Stamps(plane, silentLogger());
  refused.add(3);
  await stamps.follow(links({ ifindex: 3 }, { ifindex: 4 }));
  t.strictSame(names(), ['stamp_rx-4', 'stamp_tx-4']);
  refused.clear();
  await stamps.follow(links({ ifindex: 3 }, { ifindex: 4 }));
  t.strictSame(names(), ['stamp_rx-3', 'stamp_rx-4', 'stamp_tx-3', 'stamp_tx-4']);
});
