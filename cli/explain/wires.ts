// SPDX-License-Identifier: Apache-2.0
/** Which wire a packet belongs to: by what was asked for, the client's labels, its address. Pure. */
import { status } from '@grpc/grpc-js';
import { prefixOf } from '../../api/site/address-bytes.js';
import { WireError } from '../../api/errors/wire-error.js';
import type { SteeredClient } from '../../forwarder/operator/operator.js';
import { addressText } from '../../forwarder/operator/flow.js';
import { chooseWire } from '../plane/choose.js';
import { shortIds } from '../plane/short-ids.js';
import type { PlaneWire } from '../plane/types.js';
import { labelText } from '../table.js';
import type { Packet } from './packet.js';

/** How wires are told apart. */
export interface WireWish {
  /** An id, or how one begins. */
  readonly wire?: string;
  readonly service?: string;
}

/** The one wire that fits; throws those there are where that is none, or several. */
export function wireOf(
  wires: readonly PlaneWire[],
  clients: readonly SteeredClient[] | undefined,
  wish: WireWish,
  packet: Pick<Packet, 'flow' | 'labels'>,
): PlaneWire {
  if (wish.wire !== undefined) return chooseWire({ wires }, wish.wire);
  if (wires.length === 0) throw new WireError(status.NOT_FOUND, 'there are no steered wires');
  const of = new Map(clients?.map((one) => [one.id, one]));
  const ofService = narrowed(wires, ({ service }) => service === wish.service, wish.service);
  if (ofService.length === 0) {
    const all = [...new Set(wires.map(({ service }) => service))].join(', ');
    const text = `no steered wire is for the service "${wish.service ?? ''}": there are wires for ${all}`;
    throw new WireError(status.NOT_FOUND, text);
  }
  const labels = Object.entries(packet.labels);
  if (labels.length > 0 && clients === undefined) {
    const text =
      'which labels a client has is known only while the forwarder runs: choose with --wire';
    throw new WireError(status.UNAVAILABLE, text);
  }
  const labelled = ofService.filter(({ id }) =>
    labels.every(([name, value]) => of.get(id)?.labels[name] === value),
  );
  if (labelled.length === 0) {
    const text = `no client has the labels ${labelText(packet.labels)}: there is ${told(ofService, of)}`;
    throw new WireError(status.NOT_FOUND, text);
  }
  const at = labelled.filter((one) => hasAddress(one, of.get(one.id), packet));
  const fitting = at.length > 0 ? at : labelled;
  const [found, ...more] = fitting;
  if (found !== undefined && more.length === 0) return found;
  const text = `several wires fit: choose one with --wire or --service (${told(fitting, of)})`;
  throw new WireError(status.INVALID_ARGUMENT, text);
}

function narrowed<T>(all: readonly T[], fits: (one: T) => boolean, wanted: unknown): readonly T[] {
  return wanted === undefined ? all : all.filter(fits);
}

/** Whether the client's end of the packet is the client's own: what it sends is from there, what is sent to it goes there. */
export function hasAddress(
  { leader }: Pick<PlaneWire, 'leader'>,
  client: SteeredClient | undefined,
  { flow }: Pick<Packet, 'flow'>,
): boolean {
  const own = addressText(leader ? flow.source : flow.destination);
  const data = prefixOf(own)?.data ?? Buffer.alloc(0);
  return (client?.addresses ?? []).some((one) => {
    return Buffer.from(prefixOf(one)?.data ?? []).equals(data);
  });
}

const mostTold = 8;

function told(wires: readonly PlaneWire[], of: ReadonlyMap<string, SteeredClient>): string {
  const short = shortIds(wires.map(({ id }) => id));
  const some = wires.slice(0, mostTold).map(({ id, client, service }) => {
    const labels = of.get(id)?.labels ?? {};
    const text = Object.keys(labels).length === 0 ? '' : ` ${labelText(labels)}`;
    return `${short(id)} ${service} of ${client}${text}`;
  });
  const rest = wires.length - some.length;
  return [...some, ...(rest > 0 ? [`and ${String(rest)} more`] : [])].join('; ');
}
