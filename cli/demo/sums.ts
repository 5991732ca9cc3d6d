// SPDX-License-Identifier: Apache-2.0
/** The demo's last table: what was sent while everything changed, and what of it was lost. */
import type { Metronome } from '../../lab/metronome.js';
import type { Screen } from './screen.js';
import type { Sites } from './sites.js';
import { resets, type Pinged, type Transfer, type Transferred } from './traffic.js';
import { megabytes } from './words.js';

/** Both transfers, and the pings of each act. */
export interface Load {
  readonly voice: Transfer;
  readonly backup: Transfer;
  /** Of small messages, of the backup's class. */
  readonly stream: Metronome;
  readonly pings: {
    /** A link was in trouble meanwhile. */
    readonly mayLose: boolean;
    readonly marked: Pinged;
    readonly plain: Pinged;
  }[];
  readonly resetsBefore: number;
}

/** Resets at both ends of the transfers. */
export async function resetsOf({ pod, server }: Sites): Promise<number> {
  const [one, other] = await Promise.all([resets(pod), resets(server)]);
  return one + other;
}

/** End the transfers and print the table; rejects where anything was lost that need not have been. */
export async function sums(sites: Sites, screen: Screen, load: Load): Promise<void> {
  screen.title('7  What was lost');
  const { voice, backup, pings, resetsBefore } = load;
  await Promise.all([voice.pause(), backup.pause()]);
  const resetCount = (await resetsOf(sites)) - resetsBefore;
  const [udp, tcp] = await Promise.all([voice.stop(), backup.stop()]);
  const marked = added(pings.map((one) => one.marked));
  const plain = added(pings.map((one) => one.plain));
  const missing = tcp.sentBytes - tcp.receivedBytes;
  screen.table(
    ['flow', '', 'sent', 'lost', 'sent again', 'resets'],
    [
      ['voice', 'UDP, DSCP EF', `${String(udp.datagrams)} packets`, String(udp.missing), '-', '-'],
      [
        'backup',
        'TCP',
        megabytes(tcp.sentBytes),
        `${String(missing)} bytes`,
        String(tcp.sentAgain),
        String(resetCount),
      ],
      ['ping', 'DSCP EF', `${String(marked.sent)} packets`, String(marked.lost), '-', '-'],
      ['ping', '', `${String(plain.sent)} packets`, String(plain.lost), '-', '-'],
    ],
  );
  const lost = (udp.missing ?? 0) + marked.lost + plain.lost;
  screen.row('sum', `packets lost ${String(lost)}, resets ${String(resetCount)}`);
  judge(udp, missing, resetCount, pings);
}

function added(all: readonly Pinged[]): { readonly sent: number; readonly lost: number } {
  return {
    sent: all.reduce((sum, { sent }) => sum + sent, 0),
    lost: all.reduce((sum, { lost }) => sum + lost, 0),
  };
}

function judge(
  { missing: datagrams = 0 }: Transferred,
  bytes: number,
  resetCount: number,
  pings: Load['pings'],
): void {
  const quiet = pings.filter(({ mayLose }) => !mayLose);
  const lost = added(quiet.flatMap(({ marked, plain }) => [marked, plain])).lost;
  if (lost > 0) throw new Error(`${String(lost)} pings were lost while no link was in trouble`);
  if (datagrams > 0) throw new Error(`${String(datagrams)} datagrams were lost`);
  if (bytes !== 0) throw new Error(`${String(bytes)} bytes of the backup did not arrive`);
  if (resetCount > 0) throw new Error(`${String(resetCount)} TCP resets`);
}
