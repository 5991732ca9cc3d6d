// SPDX-License-Identifier: Apache-2.0
/**
 * Takes our own site off the names of a Request: `wan@cloud`, asked for at
 * cloud, is `wan`. The answer has the names that the caller knows.
 *
 * When: on the way in, of a Close too, and on the way back.
 * Where: in a manager, after `monitor` (its events are for those who know the
 * long names) and before whoever looks names up. Path and labels stay as they are.
 * Leaves: nothing.
 *
 * Names of other sites pass, because the registry knows where they are; from another
 * site's manager they are refused.
 */
import { status } from '@grpc/grpc-js';
import type { Call } from '../chain/call.js';
import type { Guard } from '../chain/element.js';
import { WireError } from '../errors/wire-error.js';
import type { Connection } from '../gen/connection.js';
import { localName, nameAt, splitName } from '../registry/site-name.js';

/** Which site this is. */
export interface OwnSite {
  /** Its name; nothing where there is no site file. */
  readonly own: string | undefined;
  /** Whether a call that came in there is another site's. */
  isControl(listenUrl: string | undefined): boolean;
}

/** The element. */
export function siteNames(site: OwnSite): Guard {
  return {
    kind: 'guard',
    name: 'siteNames',

    async request(call, request, next) {
      const asked = request.connection;
      if (isForOthers(call, asked, site)) throw notPassedOn(asked, site.own);
      const answer = await next(call, { ...request, connection: inside(asked, site.own) });
      return outside(answer, asked, site.own);
    },

    close: (call, connection, next) => next(call, inside(connection, site.own)),
  };
}

function isForOthers(
  call: Call,
  { networkService, networkServiceEndpointName }: Connection,
  site: OwnSite,
): boolean {
  if (!site.isControl(call.door)) return false;
  const sites = [networkService, networkServiceEndpointName].map((name) => splitName(name).site);
  return sites.some((one) => one !== undefined && one !== site.own);
}

function notPassedOn(connection: Connection, own: string | undefined): WireError {
  const { networkService, networkServiceEndpointName: endpoint } = connection;
  const names = [networkService, endpoint].filter((name) => name !== '').join(', ');
  return new WireError(
    status.PERMISSION_DENIED,
    `${names}: this is site ${own ?? '(without a name)'}, which passes nothing on to other sites`,
  );
}

function isOwn(name: string, own: string | undefined): boolean {
  return own !== undefined && splitName(name).site === own;
}

/** With names as this site has them. */
function inside(connection: Connection, own: string | undefined): Connection {
  const short = (name: string): string => (isOwn(name, own) ? localName(name) : name);
  return {
    ...connection,
    networkService: short(connection.networkService),
    networkServiceEndpointName: short(connection.networkServiceEndpointName),
  };
}

/** With names as the caller has them. */
function outside(answer: Connection, asked: Connection, own: string | undefined): Connection {
  const { networkService, networkServiceEndpointName: endpoint } = asked;
  if (own === undefined || !(isOwn(networkService, own) || isOwn(endpoint, own))) return answer;
  const long = (name: string): string =>
    splitName(name).site === undefined ? nameAt(name, own) : name;
  return {
    ...answer,
    networkService: isOwn(networkService, own)
      ? long(answer.networkService)
      : answer.networkService,
    networkServiceEndpointName: long(answer.networkServiceEndpointName),
  };
}
