// SPDX-License-Identifier: Apache-2.0
/** `npm run bench -- NAME [--json] [--quick] [--spiffe] [--pods N]`: runs one benchmark and prints its figures; it fails only when it could not measure. */
import { parseArgs } from 'node:util';
import { failover } from './failover.js';
import { failoverSim } from './failover-sim.js';
import { kube } from './kube.js';
import { mesh } from './mesh.js';
import { request } from './request.js';
import { requestSpiffe } from './request-spiffe.js';
import { steering } from './steering.js';
import { wire } from './wire.js';
import { report, type Report } from './report.js';
import { Stopped } from './stopped.js';

interface Options {
  /** With few trials, where it can. */
  readonly quick: boolean;
  readonly spiffe: boolean;
  readonly pods: number;
}

type Bench = (report: Report, options: Options) => Promise<void>;

const benches: Readonly<Record<string, Bench>> = {
  failover: (to, { quick }) => failover(to, quick),
  'failover-sim': (to, { quick }) => failoverSim(to, quick),
  kube: (to, { quick, pods }) => kube(to, quick, pods),
  mesh: (to) => mesh(to),
  request: (to, { quick, spiffe }) => (spiffe ? requestSpiffe(to, quick) : request(to)),
  steering: (to) => steering(to),
  wire: (to) => wire(to),
};

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      // `request` only: what identity costs.
      spiffe: { type: 'boolean', default: false },
      // `kube` only: nothing but so many pods at once.
      pods: { type: 'string', default: '0' },
    },
    allowPositionals: true,
  });
  const [name = ''] = positionals;
  const bench = benches[name];
  if (bench === undefined) {
    process.stderr.write(
      `bench: no benchmark '${name}'; there is: ${Object.keys(benches).join(', ')}\n`,
    );
    return 64;
  }
  if (!/^\d{1,3}$/.test(values.pods) || Number(values.pods) > 250) {
    process.stderr.write(`bench: --pods ${values.pods}: want a number of pods, 1 to 250\n`);
    return 64;
  }
  const { quick, spiffe } = values;
  try {
    await bench(report(name, values.json, process.stdout), {
      ...{ quick, spiffe, pods: Number(values.pods) },
    });
  } catch (reason) {
    if (!(reason instanceof Stopped)) throw reason;
    process.stderr.write(`bench: ${reason.message}\n`);
    return 130;
  }
  return 0;
}

// What was stopped half way may still be asked for by somebody.
const code = await main();
if (code === 0) process.exitCode = 0;
else process.exit(code);
