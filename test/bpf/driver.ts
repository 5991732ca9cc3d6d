// SPDX-License-Identifier: Apache-2.0
/** The loader in a process of its own, in a namespace of its own; `inside.ts` tells it what to do. */
import { setImmediate } from 'node:timers/promises';
import { attach, attachments, type AttachKind, type Hook } from '../../bpf/loader/attach.js';
import { openPlane, type OpenedPlane } from '../../bpf/loader/adopt.js';
import { BpfMap } from '../../bpf/loader/map.js';
import { BpfObject } from '../../bpf/loader/object.js';
import { u32 } from './number.js';

/** What it can be told to do. */
export type Order =
  | {
      readonly do: 'load';
      readonly as: string;
      readonly object: string;
      readonly pins?: string;
      readonly rodata?: Readonly<Record<string, number>>;
    }
  | {
      readonly do: 'attach';
      readonly as: string;
      readonly ifindex: number;
      readonly hook: Hook;
      readonly pin: string;
      readonly how?: AttachKind;
    }
  /** By turns until told to rest; answers at once. */
  | { readonly do: 'swap'; readonly orders: readonly Order[] }
  | { readonly do: 'detach'; readonly links: string; readonly pin?: string }
  | { readonly do: 'attachments'; readonly links: string }
  | {
      readonly do: 'plane';
      readonly directory: string;
      readonly object: string;
      readonly maxEntries?: Readonly<Record<string, number>>;
    }
  /** Put in and take out until told to rest; answers at once. */
  | { readonly do: 'churn'; readonly pin: string; readonly from: number }
  /** How many turns were taken. */
  | { readonly do: 'rest' };

const loaded = new Map<string, BpfObject>();
let plane: OpenedPlane | undefined;
let running: Promise<number> | undefined;

async function obey(order: Order): Promise<unknown> {
  switch (order.do) {
    case 'load': {
      const object = BpfObject.open(order.object);
      for (const [name, value] of Object.entries(order.rodata ?? {})) {
        object.setRodata(name, u32(value));
      }
      object.load(order.pins === undefined ? {} : { pinDirectory: order.pins });
      loaded.set(order.as, object);
      return object.program('count').tag;
    }
    case 'attach': {
      const program = loaded.get(order.as)?.program('count');
      if (program === undefined) throw new Error(`${order.as} is not loaded`);
      return (await attach(program, order, order.how)).kind;
    }
    case 'swap':
      running = swap(order.orders);
      return undefined;
    case 'detach': {
      const all = await attachments(order.links);
      for (const one of all)
        if (order.pin === undefined || one.pin === order.pin) await one.detach();
      return undefined;
    }
    case 'attachments':
      return attachments(order.links);
    case 'plane':
      plane?.[Symbol.dispose]();
      plane = await openPlane(order.directory, order.object, order);
      return { adopted: plane.adopted, maps: plane.mapNames, tag: plane.program('count').tag };
    case 'churn':
      running = churn(BpfMap.open(order.pin), order.from);
      return undefined;
    case 'rest': {
      const turns = running;
      running = undefined;
      return turns;
    }
  }
}

/** Ends when something else runs, or nothing. */
async function turns(turn: (at: number) => unknown): Promise<number> {
  await setImmediate();
  const own = running;
  let at = 0;
  for (; running === own; at++) {
    await turn(at);
    await setImmediate();
  }
  return at;
}

function swap(orders: readonly Order[]): Promise<number> {
  return turns((at) => {
    const next = orders[at % orders.length];
    return next && obey(next);
  });
}

function churn(map: BpfMap, from: number): Promise<number> {
  const value = Buffer.alloc(map.valueSize);
  const keys = Array.from({ length: 500 }, (_, n) =>
    Buffer.concat([u32(from + n), Buffer.alloc(map.keySize - 4, 5)]),
  );
  return turns(() => {
    map.updateBatch(
      keys,
      keys.map(() => value),
    );
    map.deleteBatch(keys);
  });
}

process.on('message', ({ id, order }: { id: number; order: Order }) => {
  obey(order).then(
    (answer) => process.send?.({ id, answer }),
    (error: unknown) => process.send?.({ id, error: String(error) }),
  );
});
// Whoever gives orders has gone.
process.on('disconnect', () => process.exit());
