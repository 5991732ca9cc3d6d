// SPDX-License-Identifier: Apache-2.0
/**
 * Who has which address on the wire. With payload IP the other side's are
 * permanent, so the first packet needs no ARP; `ip_neighbors` are set as heard.
 */
import { ipOf } from '../../api/chain/connection.js';
import { invalid } from '../../api/errors/wire-error.js';
import { addressText, parsePrefix } from '../links/ip.js';
import type { Facet } from './facet.js';

const mac = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;

/** The facet. */
export function neighbours(): Facet {
  return ({ connection, opposite, oppositeMac }) => {
    const told = ipOf(connection).ipNeighbors.map(({ ip, hardwareAddress }, at) => {
      const field = `context.ip_context.ip_neighbors[${String(at)}]`;
      const address = parsePrefix(ip);
      if (address === undefined || ip.includes('/')) throw invalid(`${field}.ip`, ip, 'an address');
      if (!mac.test(hardwareAddress)) {
        throw invalid(
          `${field}.hardware_address`,
          hardwareAddress,
          'six bytes, such as 02:00:00:00:00:01',
        );
      }
      return {
        ip: addressText(address.bytes),
        mac: hardwareAddress.toLowerCase(),
        permanent: false,
      };
    });
    if (connection.payload === 'ETHERNET') return { neighbours: told };
    const peers = opposite.map(({ bytes }) => {
      return { ip: addressText(bytes), mac: oppositeMac, permanent: true };
    });
    return { neighbours: [...told, ...peers] };
  };
}
