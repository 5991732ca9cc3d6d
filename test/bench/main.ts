// SPDX-License-Identifier: Apache-2.0
/** `npm run bench -- NAME [--json] [--quick]`: runs one benchmark and prints its figures; it fails only when it could not measure. */
import { parseArgs } from 'node:util';
import { failover } from './failover.js';
import { failoverSim } from './failover-sim.js';
import { mesh } from './mesh.js';
import { request } from './request.js';
import { steering } from './steering.js';
import { wire } from './wire.js';
import { report, type Report } from './report.js';

/** With few trials, where it is to be quick and can. */
type Bench = (report: Report, quick: boolean) => Promise<void>;

const benches: Readonly<Record<string, Bench>> = {
  failover,
  'failover-sim': failoverSim,
  mesh: (to) => mesh(to),
  request,
  steering,
  wire,
};

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
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
  await bench(report(name, values.json, process.stdout), values.quick);
  return 0;
}

process.exitCode = await main();
