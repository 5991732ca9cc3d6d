// SPDX-License-Identifier: Apache-2.0
/** One entry of an Envoy's access log as the audit needs it. Pure; whatever is sent, it does not throw. */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import {
  SocketAddress_Protocol,
  type Address,
} from '../../api/gen/envoy/config/core/v3/address.js';
import { RequestMethod } from '../../api/gen/envoy/config/core/v3/base.js';
import {
  AccessLogType,
  type AccessLogCommon,
  type HTTPAccessLogEntry,
} from '../../api/gen/envoy/data/accesslog/v3/accesslog.js';
import type { Duration } from '../../api/gen/google/protobuf/duration.js';
import type { HttpRequest } from '../../api/site/http-match.js';
import { addressText, endText } from '../../forwarder/operator/flow.js';

/** A connection, as session events write it. */
export interface Connection {
  readonly protocol: 'tcp' | 'udp';
  readonly source: string;
  readonly destination: string;
}

/** A request that is over. Times are in milliseconds since the epoch. */
export interface LoggedRequest {
  readonly envoy: string;
  readonly id: string;
  readonly began: number;
  /** Its first byte to upstream, where Envoy says when that was. */
  readonly sent: number | undefined;
  /** From when to when its upstream connection had to do with it. */
  readonly from: number;
  readonly to: number;
  readonly http: HttpRequest;
  /** None: it never had one. */
  readonly connection: Connection | undefined;
  readonly route: string;
  readonly cluster: string;
  readonly attempts: number;
  /** What Envoy answered with; 0 where it answered nothing. */
  readonly code: number;
  readonly details: string;
}

/** The longest name that is kept. */
const longest = 256;
/** Others are no header's name that a rule can ask for. */
const methodHeader = ':method';
const methodNames = new Map(Object.entries(RequestMethod).map(([name, value]) => [value, name]));

/**
 * The request of an entry; nothing where the entry is not a request's last word. Of its headers those
 * in `wanted` are kept: a log may have many, and rules ask for few.
 */
export function requestOf(
  entry: HTTPAccessLogEntry,
  envoy: string,
  wanted: ReadonlySet<string>,
): LoggedRequest | undefined {
  const { commonProperties: common, request } = entry;
  if (common === undefined || request === undefined || !isLast(common)) return undefined;
  const { requestHeaders, path, originalPath, authority, requestId } = request;
  const headers = Object.fromEntries(
    Object.entries(requestHeaders).filter(([name]) => wanted.has(name)),
  );
  const given = Object.hasOwn(requestHeaders, methodHeader)
    ? requestHeaders[methodHeader]
    : undefined;
  const unspecified = request.requestMethod === RequestMethod.METHOD_UNSPECIFIED;
  const method = given ?? (unspecified ? '' : methodNames.get(request.requestMethod)) ?? '';
  const { responseCode = 0, responseCodeDetails = '' } = entry.response ?? {};
  return {
    envoy,
    id: (requestId || common.streamId).slice(0, longest),
    ...timesOf(common),
    http: { method, path: originalPath || path, host: authority, headers },
    connection: connectionOf(common.upstreamLocalAddress, common.upstreamRemoteAddress),
    route: common.routeName.slice(0, longest),
    cluster: common.upstreamCluster.slice(0, longest),
    attempts: common.upstreamRequestAttemptCount,
    code: responseCode,
    details: responseCodeDetails.slice(0, longest),
  };
}

function isLast({ accessLogType, intermediateLogEntry }: AccessLogCommon): boolean {
  if (intermediateLogEntry) return false;
  return accessLogType === AccessLogType.NOT_SET || accessLogType === AccessLogType.DOWNSTREAM_END;
}

function timesOf(common: AccessLogCommon): Pick<LoggedRequest, 'began' | 'sent' | 'from' | 'to'> {
  const { startTime } = common;
  const began = startTime === undefined ? 0 : msOf(startTime);
  const after = (duration: Duration | undefined): number | undefined =>
    duration === undefined ? undefined : began + msOf(duration);
  const sent = after(common.timeToFirstUpstreamTxByte);
  const from = sent ?? began;
  const last = [common.timeToLastUpstreamTxByte, common.timeToLastUpstreamRxByte].map(after);
  // An answer that was cut off has no last byte.
  const ends = last[1] === undefined ? [...last, after(common.duration)] : last;
  return { began, sent, from, to: Math.max(from, ...ends.filter((one) => one !== undefined)) };
}

function msOf({ seconds, nanos }: Duration): number {
  return Number(seconds) * 1_000 + nanos / 1_000_000;
}

function connectionOf(local?: Address, remote?: Address): Connection | undefined {
  const [source, destination] = [endOf(local), endOf(remote)];
  if (source === undefined || destination === undefined) return undefined;
  const udp = remote?.socketAddress?.protocol === SocketAddress_Protocol.UDP;
  return { protocol: udp ? 'udp' : 'tcp', source, destination };
}

/** As session events write it: Envoy has its own ways with IPv6. */
function endOf(address: Address | undefined): string | undefined {
  const { address: text = '', portValue = 0 } = address?.socketAddress ?? {};
  const bare = text.replace(/%.*$/s, '');
  if (isIP(bare) === 0) return undefined;
  return endText(addressText(Uint8Array.from(ipaddr.process(bare).toByteArray())), portValue);
}
