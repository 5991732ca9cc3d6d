// SPDX-License-Identifier: Apache-2.0
/** Which wire a packet is of. */
import { status } from '@grpc/grpc-js';
import t from 'tap';
import type { PlaneWire } from '../plane/types.js';
import { parsePacket } from './packet.js';
import { wireOf, type WireWish } from './wires.js';

const wire = (id: string, client: string, service: string, leader = true): PlaneWire =>
  ({ id, client, service, leader }) as PlaneWire;
const wires = [
  wire('aaaaaaaa-1', 'sip', 'wan'),
  wire('aaaaaaaa-2', 'sip', 'wan-bulk'),
  wire('bbbbbbbb-1', 'web', 'wan'),
];
const clients = [
  { id: 'aaaaaaaa-1', labels: { app: 'sip' }, addresses: ['172.16.0.3/32', 'fd00::3/128'] },
  { id: 'aaaaaaaa-2', labels: { app: 'sip' }, addresses: ['172.16.0.5/32'] },
  { id: 'bbbbbbbb-1', labels: { app: 'web' }, addresses: ['172.16.0.7/32'] },
];
const from = (source: string, more = '') =>
  parsePacket(`tcp ${source}:1 > ${source.startsWith('[') ? '[fd01::1]' : '10.60.0.9'}:80 ${more}`);
const chosen = (packet: string, wish: WireWish = {}, more = '', known = true): string =>
  wireOf(wires, known ? clients : undefined, wish, from(packet, more)).id;

t.equal(chosen('172.16.0.7'), 'bbbbbbbb-1', 'by its address');
t.equal(chosen('[fd00::3]'), 'aaaaaaaa-1', 'also of IPv6');
t.equal(chosen('172.16.0.3', { service: 'wan-bulk' }), 'aaaaaaaa-2', 'by service before address');
t.equal(chosen('10.1.1.1', {}, 'app=web'), 'bbbbbbbb-1', 'by labels, whoever is behind the client');
t.equal(chosen('172.16.0.7', { wire: 'aaaaaaaa-2' }), 'aaaaaaaa-2', 'by id before all');
t.equal(wireOf(wires.slice(2), undefined, {}, from('10.1.1.1')).id, 'bbbbbbbb-1', 'the only one');
const answers = [wire('cccccccc-1', 'sip', 'wan', false)];
const farClients = [{ id: 'cccccccc-1', labels: {}, addresses: ['10.60.0.9/32'] }];
t.equal(wireOf(answers, farClients, {}, from('10.1.1.1')).id, 'cccccccc-1', 'of the other side');

const refused = (act: () => unknown, code: status, message: RegExp): void => {
  t.throws(act, { code, message });
};
refused(
  () => chosen('10.1.1.1'),
  status.INVALID_ARGUMENT,
  /several wires fit.*aaaaaaaa-1 wan of sip app=sip; aaaaaaaa-2 wan-bulk of sip app=sip; bbbbbbbb-1/,
);
refused(
  () => chosen('172.16.0.3', {}, 'app=x'),
  status.NOT_FOUND,
  /no client has the labels app=x/,
);
refused(
  () => chosen('172.16.0.3', { service: 'lan' }),
  status.NOT_FOUND,
  /for the service "lan": there are wires for wan, wan-bulk/,
);
refused(() => chosen('172.16.0.3', { wire: 'zz' }), status.NOT_FOUND, /no wire has the id "zz"/);
refused(() => chosen('172.16.0.3', {}, 'app=sip', false), status.UNAVAILABLE, /--wire/);
refused(() => wireOf([], [], {}, from('10.1.1.1')), status.NOT_FOUND, /no steered wires/);
