// SPDX-License-Identifier: Apache-2.0
/** What a client and an endpoint say of their own side of a KERNEL mechanism. No kernel is touched. */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import type { Mechanism } from '../gen/connection.js';

/** The mechanism's type and the names of the parameters that every hop knows. */
export const kernel = {
  type: 'KERNEL',
  cls: 'LOCAL',
  /** The network namespace, `inode://<device>/<inode>` or `file:///proc/...`. */
  inodeUrl: 'inodeURL',
  /** The interface's name in that namespace. */
  name: 'name',
  /**
   * Of the interface's routes, against those of the client's other wires: the lowest is preferred.
   * Ours; where nobody says it, the forwarder finds one.
   */
  metric: 'wanwire.metric',
} as const;

/** Linux keeps 16 bytes for the name of an interface, the last of them zero. */
export const longestInterfaceName = 15;

/** The network namespace of this process as the wire names it: device and inode, in decimal. */
export function ownNamespaceUrl(path = '/proc/self/ns/net'): string {
  const { dev, ino } = statSync(path, { bigint: true });
  return `inode://${dev.toString()}/${ino.toString()}`;
}

/**
 * An interface name where nobody asked for one: up to ten characters of the
 * service and a tail. The tail comes from the connection's id, so a client
 * that was restarted asks for the interface it has.
 */
export function interfaceNameFor(networkService: string, connectionId: string): string {
  // The kernel refuses the rest, or reads it as a pattern (%) or an alias (:).
  const start = networkService.replaceAll(/[^\w.-]/g, '').slice(0, 10) || 'nsm';
  const tail = createHash('sha256').update(connectionId).digest('hex');
  return `${start}-${tail}`.slice(0, longestInterfaceName);
}

/** What is wrong with an interface name; nothing where the kernel would take it. */
export function interfaceNameFault(name: string): string | undefined {
  const bytes = Buffer.byteLength(name);
  if (name === '') return 'is empty';
  if (bytes > longestInterfaceName) {
    return `has ${String(bytes)} characters, more than Linux' ${String(longestInterfaceName)}`;
  }
  const bad = /[\s/:%]|[^\x21-\x7e]/u.exec(name)?.[0];
  if (bad !== undefined) return `contains ${JSON.stringify(bad)}`;
  // `all` and `default` are sysctl's words for every interface.
  if (['.', '..', 'lo', 'all', 'default'].includes(name)) return 'is taken by the system';
  return undefined;
}

/** A KERNEL mechanism of this process's namespace. */
export function kernelMechanism(parameters: Readonly<Record<string, string>>): Mechanism {
  return { cls: kernel.cls, type: kernel.type, parameters: { ...parameters } };
}
