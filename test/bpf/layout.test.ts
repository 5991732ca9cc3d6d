// SPDX-License-Identifier: Apache-2.0
/** `bpf/loader/layout.ts` says what `bpf/include/wire.h` says, by what compilers make of it. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import * as layout from '../../bpf/loader/layout.js';
import { objectPath } from '../../bpf/loader/objects.js';
import { Struct } from '../../bpf/loader/struct.js';
import { compileText, folder } from './objects.js';

/** One type as `bpftool btf dump -j` tells it. */
interface BtfType {
  readonly id: number;
  readonly kind: string;
  readonly name: string;
  readonly size?: number;
  readonly members?: readonly { readonly name: string; readonly bits_offset: number }[];
  readonly values?: readonly { readonly name: string; readonly val: number }[];
}

function btfOf(object: string): BtfType[] {
  const out = execFileSync('bpftool', ['-j', 'btf', 'dump', 'file', object], { encoding: 'utf8' });
  return (JSON.parse(out) as { types: BtfType[] }).types;
}

type AnyStruct = Struct<Record<string, never>>;
const structs = Object.values(layout).filter(
  (one): one is typeof one & AnyStruct => one instanceof Struct && one.name.startsWith('ww_'),
);

/** Of the programs alone: no user space reads them. */
const programsOwn = [
  'ww_followed',
  'ww_fragment4',
  'ww_fragment6',
  'ww_limit',
  'ww_ports',
  'ww_sender',
];

/** The enums of `wire.h`: the prefix of their names, and their numbers in TypeScript. */
const enums: Readonly<
  Record<string, readonly [prefix: string, ours: Readonly<Record<string, number>>]>
> = {
  ww_wire_flags: ['WW_WIRE_', layout.wireFlags],
  ww_down: ['WW_DOWN_', layout.downReasons],
  ww_session_flags: ['WW_SESSION_', layout.sessionFlags],
  ww_events: ['WW_EVENTS_', layout.eventsWanted],
  ww_event_kind: ['WW_EVENT_', layout.eventKinds],
  ww_dimension: ['WW_', layout.dimensions],
  ww_drop: [
    'WW_DROP_',
    Object.fromEntries([...layout.dropReasons.entries()].map(([n, name]) => [name, n])),
  ],
  ww_kind: ['WW_KIND_', layout.kinds],
  ww_probe_flags: ['WW_PROBE_', layout.probeFlags],
  ww_sent_state: ['WW_SENT_', layout.sentStates],
};

const declarations = [
  '#include "wire.h"',
  ...structs.map(({ name }) => `struct ${name} of_${name};`),
  ...Object.keys(enums).map((name) => `enum ${name} of_${name};`),
  '',
].join('\n');

function comparable({ size, members = [] }: BtfType): unknown {
  return {
    size,
    offsets: Object.fromEntries(members.map(({ name, bits_offset }) => [name, bits_offset / 8])),
  };
}

t.test('structs and enums', (t) => {
  t.ok(structs.length > 15, 'there are some');
  const types = btfOf(compileText(t, declarations));
  const find = (kind: string, wanted: string): BtfType | undefined =>
    types.find(({ kind: its, name }) => its === kind && name === wanted);
  for (const { name, size, offsets } of structs) {
    const type = find('STRUCT', name);
    t.strictSame(type && comparable(type), { size, offsets: { ...offsets } }, `struct ${name}`);
  }
  for (const [name, [prefix, ours]] of Object.entries(enums)) {
    const values = find('ENUM', name)?.values?.filter((one) => one.name !== 'WW_DROPS');
    const theirs = values?.map((one) => [one.name, one.val]);
    const named = Object.entries(ours).map(([key, value]) => [prefix + inC(key), value]);
    t.strictSame(theirs, named, `enum ${name}`);
  }
  t.end();
});

/** `sourcePort` and `no-wire` as C has them. */
function inC(name: string): string {
  return name.replace(/[A-Z]/g, '_$&').replaceAll('-', '_').toUpperCase();
}

t.test('the built object has these structs, and no others', (t) => {
  const types = btfOf(objectPath('wire')).filter(
    ({ kind, name }) => kind === 'STRUCT' && name.startsWith('ww_'),
  );
  const names = new Set(types.map(({ name }) => name));
  t.strictSame(
    [...names].filter((name) => !structs.some((one) => one.name === name)).sort(),
    programsOwn,
  );
  t.strictSame(
    structs.map(({ name }) => name).filter((name) => !names.has(name)),
    [],
  );
  for (const type of types) {
    const ours = structs.find(({ name }) => name === type.name);
    if (ours === undefined) continue;
    const { size, offsets } = ours;
    t.strictSame(comparable(type), { size, offsets: { ...offsets } }, `struct ${type.name}`);
  }
  t.end();
});

t.test('numbers', (t) => {
  const { limits } = layout;
  const numbers: Readonly<Record<string, number>> = {
    WW_LAYOUT: layout.layoutVersion,
    'WW_RULES - 1': layout.defaultRule,
    WW_PROBER: layout.proberVersion,
    WW_STAMP_PORT: layout.stampPort,
    WW_STAYS: layout.stays,
    WW_SLICE: layout.sliceBits,
    WW_RTT_SLICE: layout.rttSliceBits,
    WW_DROPS: layout.dropReasons.length,
    'WW_RULESET(1, 3)': layout.rulesetRow(1, 3),
    'WW_TABLE(0, 0, 8)': layout.criterionTable(0, 0, 8),
    'WW_TABLE(1, 15, 7)': layout.criterionTable(1, 15, 7),
    ...Object.fromEntries(
      Object.entries(limits).map(([name, value]) => [`WW_${inC(name)}`, value]),
    ),
  };
  const program = join(folder(t), 'numbers');
  const include = fileURLToPath(new URL('../../bpf/include', import.meta.url));
  const prints = Object.keys(numbers).map((name) => `printf("%lld\\n", (long long)(${name}));`);
  const text = `#include <stdio.h>\n#include "wire.h"\nint main(void) { ${prints.join(' ')} }\n`;
  execFileSync('cc', ['-Wall', '-Werror', `-I${include}`, '-x', 'c', '-', '-o', program], {
    input: text,
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  const theirs = execFileSync(program, { encoding: 'utf8' }).trim().split('\n').map(Number);
  t.strictSame(Object.fromEntries(Object.keys(numbers).map((name, at) => [name, theirs[at]])), {
    ...numbers,
  });
  t.end();
});
