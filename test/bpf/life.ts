// SPDX-License-Identifier: Apache-2.0
/**
 * One life of the loader: does the steps of its arguments and ends. It prints
 * how many handles the collector had to close.
 */
import { setTimeout } from 'node:timers/promises';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { systemClock } from '../../api/chain/clock.js';
import { leakedHandles } from '../../bpf/loader/addon.js';
import { attach } from '../../bpf/loader/attach.js';
import { gracePeriod } from '../../bpf/loader/grace.js';
import type { BpfMap } from '../../bpf/loader/map.js';
import { BpfObject } from '../../bpf/loader/object.js';
import type { Program } from '../../bpf/loader/program.js';
import { RingBuffer } from '../../bpf/loader/ring.js';
import { u32 } from './number.js';

let object: BpfObject | undefined;
let map: BpfMap | undefined;
let program: Program | undefined;
let ring: RingBuffer | undefined;
const pending: Promise<unknown>[] = [];

const [path = '', links = '', ...words] = isMainThread
  ? process.argv.slice(2)
  : (workerData as string[]);

const steps: Readonly<Record<string, () => unknown>> = {
  open: () => (object = BpfObject.open(path)),
  load: () => object?.load(),
  'load pinned': () => object?.load({ pinDirectory: links }),
  map: () => (map = object?.map('control')),
  program: () => (program = object?.program('count')),
  store: () => map?.store32(0, 4, 7),
  read: () => map?.entries(),
  run: () => program?.testRun(Buffer.alloc(64), { repeat: 10 }),
  // The loopback interface of a namespace of its own.
  attach: () => start(() => attach(program as Program, place('tcx'), 'tcx')),
  filter: () => start(() => attach(program as Program, place('clsact'), 'clsact')),
  grace: () => start(gracePeriod),
  wait: () => Promise.all(pending),
  ring: () => (ring = openRing()),
  'read ring': () => ring?.read(),
  'rest ring': () => ring?.rest(),
  'close ring': () => ring?.[Symbol.dispose](),
  'close object': () => object?.[Symbol.dispose](),
  'close map': () => map?.[Symbol.dispose](),
  'close program': () => program?.[Symbol.dispose](),
  'use closed map': () => mustThrow(() => map?.lookup(u32(0))),
  'store in closed map': () => mustThrow(() => map?.store32(0, 0, 1)),
  'use closed object': () => mustThrow(() => object?.load()),
  'attach closed program': () =>
    start(() => mustReject(() => attach(program as Program, place('x'), 'tcx'))),
  forget: () => (object = map = program = ring = undefined),
  collect,
  worker: () => inWorker(false),
  'worker that is ended': () => inWorker(true),
};

function openRing(): RingBuffer {
  const onRecords = (): void => undefined;
  return RingBuffer.open(`${links}/events`, { recordSize: 72, clock: systemClock, onRecords });
}

function place(name: string) {
  return { ifindex: 1, hook: 'ingress', pin: `${links}/${name}` } as const;
}

function start(work: () => Promise<unknown>): void {
  const one = work();
  one.catch(() => undefined);
  pending.push(one);
}

function mustThrow(run: () => unknown): void {
  try {
    run();
  } catch {
    return;
  }
  throw new Error('it went well');
}

async function mustReject(run: () => Promise<unknown>): Promise<void> {
  await run().then(
    () => {
      throw new Error('it went well');
    },
    () => undefined,
  );
}

async function collect(): Promise<void> {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error('start it with --expose-gc');
  for (let times = 0; times < 5; times++) {
    gc();
    // Finalisers run on their own time.
    await setTimeout(1);
  }
}

/** The same in an environment that ends before the process. */
async function inWorker(ended: boolean): Promise<void> {
  const rest = words.includes('load pinned')
    ? ['ring', 'read ring']
    : ['open', 'load', 'map', 'program', 'store', 'attach', 'grace'];
  const worker = new Worker(new URL(import.meta.url), {
    workerData: [path, links, ...rest, ...(ended ? ['stay'] : [])],
  });
  await new Promise((resolve, reject) => {
    worker.on('error', reject);
    worker.on('exit', resolve);
    if (ended) worker.on('message', () => void worker.terminate());
  });
}

for (const word of words) {
  if (word === 'stay') {
    (await import('node:worker_threads')).parentPort?.postMessage('there');
    await setTimeout(60_000);
  }
  const step = steps[word];
  if (step === undefined) throw new Error(`no step: ${word}`);
  await step();
}
if (isMainThread) process.stdout.write(`${String(leakedHandles())}\n`);
