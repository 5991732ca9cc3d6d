// SPDX-License-Identifier: Apache-2.0
/** `npm run bench -- NAME [--json]`: runs one benchmark and prints its figures; it fails only when it could not measure. */
import { parseArgs } from 'node:util';
import { mesh } from './mesh.js';
import { request } from './request.js';
import { steering } from './steering.js';
import { wire } from './wire.js';
import { report, type Report } from './report.js';

const benches: Readonly<Record<string, (report: Report) => Promise<void>>> = {
  mesh,
  request,
  steering,
  wire,
};

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { json: { type: 'boolean', default: false } },
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
  await bench(report(name, values.json, process.stdout));
  return 0;
}

process.exitCode = await main();
