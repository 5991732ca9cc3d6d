// SPDX-License-Identifier: Apache-2.0
// Alone: it keeps two processors busy by itself, and each call has a deadline.
/** 10,000 mutated calls at the real processes: none crashes, hangs or leaks, and each call is answered in time. */
import t from 'tap';
import { status } from '@grpc/grpc-js';
import { NetworkServiceEndpoint } from '../../api/gen/registry.js';
import { systemClock } from '../../api/chain/clock.js';
import { WireError } from '../../api/errors/wire-error.js';
import type { CallOptions, Channel } from '../../api/grpc/channel.js';
import { remoteRegistries } from '../../api/registry/remote.js';
import { silentLogger } from '../../api/log/log.js';
import { descriptors, residentKib } from '../stage/processes.js';
import { Stage } from '../stage/stage.js';
import { mutate, seeded } from './mutate.js';
import { connectionCalls, registryCalls, type Recorded } from './recorded.js';

const count = 10_000;
const inFlight = 24;
const deadlineMs = 5_000;
/** Calls for one connection stand in line, so there are several. */
const wires = 16;

/** The text grpc-js itself gives when a peer did not answer in time. */
const unanswered = /deadline exceeded after/i;

t.test('mutated calls', { timeout: 300_000 }, async (t) => {
  await using stage = await Stage.open();
  const caller = stage.caller();
  const recorded = await Promise.all(
    Array.from({ length: wires }, async (_, n) => {
      const name = `nsm-${String(n)}`;
      const first = caller.first({
        id: `m-${String(n)}`,
        service: 'hello',
        interfaceName: name,
        inodeUrl: stage.podUrl,
      });
      return { first, answer: await caller.send(first) };
    }),
  );
  const calls = (index: number): Recorded[] =>
    recorded.flatMap(({ first, answer }) => connectionCalls(...seenBy(first, answer, index)));
  const registry = Array.from({ length: wires }, registryCalls).flat();
  const targets: [Channel, Recorded[]][] = [
    [stage.dial(), [...calls(0), ...registry]],
    [stage.dial('forwarder.sock'), calls(1)],
    [await endpointChannel(stage), calls(2)],
  ];
  const processes = ['manager', 'forwarder', 'hello-1'].map((name) => stage.world.player(name));
  const before = await Promise.all(processes.map(({ pid }) => descriptors(pid)));

  const seed = Number(process.argv[2] ?? Date.now() % 1_000_000);
  t.comment(`seed ${String(seed)}`);
  const random = seeded(seed);
  const tally = {
    decoded: 0,
    late: [] as [Channel, Recorded, Uint8Array][],
    codes: new Map<string, number>(),
  };
  let sent = 0;
  const worker = async (): Promise<void> => {
    while (sent < count) {
      const [channel, calls] = targets[sent++ % targets.length] as [Channel, Recorded[]];
      const call = calls[Math.floor(random() * calls.length)] as Recorded;
      const bytes = mutate(call.bytes, random);
      if (decodes(call, bytes)) tally.decoded++;
      const code = await outcome(channel, call, bytes);
      if (unanswered.test(code)) tally.late.push([channel, call, bytes]);
      const key = `${call.method.path} ${code.slice(0, 30)}`;
      tally.codes.set(key, (tally.codes.get(key) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));

  t.ok(tally.decoded >= count * 0.8, `${String(tally.decoded)} of ${String(count)} decode`);
  t.ok(tally.late.length < count / 100, `${String(tally.late.length)} late while all are busy`);
  t.same(await stillLate(tally.late), [], 'each is answered within its deadline');
  for (const player of processes) {
    t.equal(stage.world.player(player.name), player, `${player.name} is still the same process`);
  }
  const wire = await caller.ask({
    id: 'after',
    service: 'hello',
    interfaceName: 'nsm-after',
    inodeUrl: stage.podUrl,
  });
  t.match(
    await stage.pod.run('ip', '-br', 'link', 'show', 'nsm-after'),
    /UP/,
    'a valid Request still works',
  );
  await caller.close(wire);

  const after = await Promise.all(processes.map(({ pid }) => descriptors(pid)));
  const resident = await Promise.all(processes.map(({ pid }) => residentKib(pid)));
  processes.forEach(({ name }, at) => {
    const grown = (after[at] ?? 0) - (before[at] ?? 0);
    t.ok(grown <= 20, `${name}: ${String(grown)} more descriptors`);
    t.ok((resident[at] ?? Infinity) < 600_000, `${name}: ${String(resident[at])} KiB`);
  });
  t.comment(
    [...tally.codes]
      .sort()
      .map(([key, n]) => `${key}: ${String(n)}`)
      .join('\n'),
  );
});

/** What is late on a busy machine is answered in time when it is sent alone, unless it hangs. */
async function stillLate(
  late: readonly (readonly [Channel, Recorded, Uint8Array])[],
): Promise<string[]> {
  const again: string[] = [];
  for (const [channel, call, bytes] of late) {
    if (!unanswered.test(await outcome(channel, call, bytes))) continue;
    again.push(`${call.method.path} ${Buffer.from(bytes).toString('base64').slice(0, 2_000)}`);
  }
  return again;
}

/** The Request and answer as the hop at `index` gets them. */
function seenBy(
  first: ReturnType<ReturnType<Stage['caller']>['first']>,
  answer: Parameters<typeof connectionCalls>[1],
  index: number,
): Parameters<typeof connectionCalls> {
  const path = { index, pathSegments: answer.path?.pathSegments ?? [] };
  const id = path.pathSegments[index]?.id ?? answer.id;
  const known = { ...answer, id, path };
  if (index === 0) return [first, answer];
  return [{ ...first, connection: { ...known, mechanism: undefined } }, known];
}

async function endpointChannel(stage: Stage): Promise<Channel> {
  const { endpoints } = remoteRegistries(stage.dial());
  const call = { signal: AbortSignal.timeout(5_000), log: silentLogger(), clock: systemClock };
  for await (const { entry } of endpoints.find(
    call,
    NetworkServiceEndpoint.create({ name: 'hello-1' }),
    false,
  )) {
    return stage.channels.acquire(entry.url);
  }
  throw new Error('hello-1 is not registered');
}

function decodes(call: Recorded, bytes: Uint8Array): boolean {
  try {
    call.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** `ok`, or the code and text of the error. A stream that has nothing to say is given up after a while. */
async function outcome(channel: Channel, call: Recorded, bytes: Uint8Array): Promise<string> {
  const options: CallOptions = {
    signal: AbortSignal.timeout(call.stream ? 150 : deadlineMs + 1_000),
    deadlineMs: Date.now() + deadlineMs,
  };
  try {
    if (!call.stream) await channel.unary(call.method, bytes, options);
    else for await (const _message of channel.stream(call.method, bytes, options)) break;
    return 'ok';
  } catch (reason) {
    if (call.stream && options.signal.aborted) return 'quiet';
    return reason instanceof WireError
      ? `${status[reason.code]} ${reason.message}`
      : String(reason);
  }
}
