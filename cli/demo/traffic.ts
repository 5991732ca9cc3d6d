// SPDX-License-Identifier: Apache-2.0
/** The demo's load, by real programs: iperf3 for transfers, ping as a witness; and what the kernel says of resets. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildProcess } from 'node:child_process';
import type { Place } from '../../lab/place.js';

/** The TOS byte of DSCP EF. */
export const ef = 184;

/**
 * Far more than what waits in a socket, a cable or a relay takes, on a busy machine, too: the
 * receiver counts what has come when the sender's word of the end has overtaken it.
 */
const drainMs = 1_000;
/** What waits for a link that was in trouble takes longer. */
const longestDrainMs = 20_000;

/** What a transfer is. */
export interface TransferOptions {
  readonly address: string;
  readonly port: number;
  /** UDP, of which each datagram has a number, or TCP. */
  readonly udp?: boolean;
  readonly mbps: number;
}

/** What became of a transfer. */
export interface Transferred {
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Datagrams that were sent, and how many of their numbers the receiver misses; of UDP. */
  readonly datagrams?: number;
  readonly missing?: number;
  /** Segments that TCP sent once more. */
  readonly sentAgain?: number;
}

/** One that runs. */
export interface Transfer {
  /** Rejects when it ends by itself. */
  readonly broken: Promise<never>;
  /** Send nothing more, and let what was sent arrive. */
  pause(): Promise<void>;
  /** End it; resolves to what both ends counted. */
  stop(): Promise<Transferred>;
}

/** Start a transfer; it ends with `signal` at the latest. */
export async function transfer(
  from: Place,
  to: Place,
  options: TransferOptions,
  signal: AbortSignal,
): Promise<Transfer> {
  const { address, port, udp = false, mbps } = options;
  const receiver = program(to, signal, 'iperf3', '-s', '-1', '-J', '-p', String(port));
  await listening(to, port, receiver);
  const sender = program(
    from,
    signal,
    ...['iperf3', '-c', address, '-p', String(port), '-J', '-t', '0', '-b', `${String(mbps)}M`],
    ...(udp ? ['-u', '-l', '1000'] : []),
  );
  let stopped = false;
  const broken = Promise.race([sender.said, receiver.said]).then((said) => {
    if (stopped) return new Promise<never>(() => undefined);
    throw new Error(`the transfer to port ${String(port)} broke off: ${whyOf(said)}`);
  });
  broken.catch(() => undefined);
  return {
    broken,
    async pause() {
      sender.child.kill('SIGSTOP');
      await sleep(drainMs);
      if (!udp) await Promise.all([drained(from, port), drained(to, port)]);
    },
    async stop() {
      stopped = true;
      // Stopped, it takes this one first when it goes on.
      sender.child.kill('SIGTERM');
      sender.child.kill('SIGCONT');
      const ends = await Promise.all([sender.said, receiver.said]);
      const [sent, received] = ends.map((said) => JSON.parse(said) as Said);
      return told(udp, sent, received);
    },
  };
}

/** Until no connection of a port has anything left to send or to be read. */
async function drained(place: Place, port: number): Promise<void> {
  const ofPort = `( sport = :${String(port)} or dport = :${String(port)} )`;
  const endMs = Date.now() + longestDrainMs;
  for (;;) {
    const said = await place.exec('ss', '-tnH', 'state', 'established', ofPort);
    // Bytes that wait to be read, and to be sent or acknowledged.
    const queues = [...said.matchAll(/^(\d+) +(\d+) /gm)].map(([, read, sent]) => [read, sent]);
    if (queues.flat().every((bytes) => bytes === '0')) return;
    if (Date.now() > endMs)
      throw new Error(`waited 20 s for what was sent to port ${String(port)}`);
    await sleep(50);
  }
}

/** Have all packets to a UDP port marked in the namespace that sends them, from the first on: iperf3 does so later. */
export async function mark(place: Place, port: number): Promise<void> {
  const chain = '{ type filter hook output priority mangle; }';
  await place.exec('nft', 'add table ip demo');
  await place.exec('nft', `add chain ip demo output ${chain}`);
  await place.exec('nft', `add rule ip demo output udp dport ${String(port)} ip dscp set ef`);
}

/** What iperf3 says at the end; more than this is there. */
interface Said {
  readonly end: {
    readonly sum?: { readonly packets: number; readonly lost_packets: number };
    readonly sum_sent: { readonly bytes: number; readonly retransmits?: number };
    readonly sum_received: { readonly bytes: number };
  };
}

/** Its own words, at the end of many figures. */
function whyOf(said: string): string {
  return /"error":\s*"(.*)"/.exec(said)?.[1] ?? said.slice(-300);
}

function told(udp: boolean, sent: Said | undefined, received: Said | undefined): Transferred {
  if (sent === undefined || received === undefined) throw new Error('iperf3 said nothing');
  const bytes = {
    sentBytes: sent.end.sum_sent.bytes,
    receivedBytes: received.end.sum_received.bytes,
  };
  // A write that was under way when it was stopped came in part, and was not counted.
  bytes.sentBytes = Math.max(bytes.sentBytes, udp ? 0 : bytes.receivedBytes);
  if (!udp) return { ...bytes, sentAgain: sent.end.sum_sent.retransmits ?? 0 };
  const { packets = 0 } = sent.end.sum ?? {};
  return { ...bytes, datagrams: packets, missing: received.end.sum?.lost_packets ?? packets };
}

/** What came back of a row of pings. */
export interface Pinged {
  readonly sent: number;
  readonly lost: number;
  readonly meanMs: number;
}

/** Twenty echo requests a second, answered or not, marked or not; resolves when the last one's time is over. */
export async function pings(
  from: Place,
  address: string,
  count: number,
  tos: number,
  signal: AbortSignal,
): Promise<Pinged> {
  const args = ['-n', '-q', '-i', '0.05', '-c', String(count), '-W', '1', '-Q', String(tos)];
  const said = await program(from, signal, 'ping', ...args, address).said;
  const [, sent = NaN, received = NaN] =
    /(\d+) packets transmitted, (\d+) received/.exec(said)?.map(Number) ?? [];
  if (Number.isNaN(sent)) throw new Error(`ping ${address}: ${said}`);
  const meanMs = Number(/= [\d.]+\/([\d.]+)\//.exec(said)?.[1] ?? NaN);
  return { sent, lost: sent - received, meanMs };
}

/** TCP resets that this namespace has sent or taken since it was made. */
export async function resets(place: Place): Promise<number> {
  const said = await place.exec('cat', '/proc/net/snmp');
  const [names = [], values = []] = said
    .split('\n')
    .filter((line) => line.startsWith('Tcp:'))
    .map((line) => line.split(' '));
  const of = (name: string): number => Number(values[names.indexOf(name)]);
  return of('EstabResets') + of('OutRsts');
}

interface Running {
  readonly child: ChildProcess;
  /** All it printed, once it has ended. */
  readonly said: Promise<string>;
}

function program(place: Place, signal: AbortSignal, ...command: readonly string[]): Running {
  // It ends with us, even when we are killed.
  const child = place.spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...command], {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
    killSignal: 'SIGKILL',
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (part: string) => (text += part));
  }
  const said = new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => {
      resolve(text);
    });
  });
  said.catch(() => undefined);
  return { child, said };
}

async function listening(place: Place, port: number, { said }: Running): Promise<void> {
  const wanted = new RegExp(`:${port.toString(16).toUpperCase().padStart(4, '0')} \\S+ 0A `);
  let ended: string | undefined;
  void said.then(
    (text) => (ended = text),
    (reason: unknown) => (ended = String(reason)),
  );
  for (;;) {
    const tables = await place.exec('cat', '/proc/net/tcp', '/proc/net/tcp6');
    if (wanted.test(tables)) return;
    if (ended !== undefined) throw new Error(`iperf3 does not start: ${ended}`);
    await sleep(30);
  }
}

/** Whether a program is installed. */
export async function has(name: string, place: Place): Promise<boolean> {
  return place.exec(name, '--version').then(
    () => true,
    () => false,
  );
}
