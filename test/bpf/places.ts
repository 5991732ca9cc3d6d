// SPDX-License-Identifier: Apache-2.0
/** Tells, for `loader-bpffs.test.ts`, where the pins of a forwarder are on this machine. */
import { statSync } from 'node:fs';
import { bpfDirectory, findBpfDirectories, forwarderOf } from '../../bpf/loader/bpffs.js';

const [name = ''] = process.argv.slice(2);
const directory = await bpfDirectory(name).catch((error: unknown) =>
  error instanceof Error ? error.message : '',
);
const found = findBpfDirectories();
const told = {
  directories: [directory],
  found,
  names: found.map(forwarderOf),
  modes: found.map((one) => statSync(one).mode & 0o777),
};
process.stdout.write(`${JSON.stringify(told)}\n`);
