// SPDX-License-Identifier: Apache-2.0
/** A node with WAN links in namespaces of a test's own, made with iproute2. */
import type { Test } from 'tap';
import type { SiteLink } from '../../api/site/types.js';
import type { Link } from '../../forwarder/underlay/link.js';
import { inside, type Inside } from './inside.js';
import { sandbox, type Sandbox } from './sandbox.js';
import type { LinksNews } from './underlay-inside.js';

/** A link of a site's file; what a test does not say is as where nothing is said. */
export function siteLink(name: string, device: string, said: Partial<SiteLink> = {}): SiteLink {
  const rest = {
    network: 'internet',
    class: 'best-effort',
    profile: 'fixed' as const,
    billing: 'flat' as const,
  };
  const none = {
    rateMbps: undefined,
    mtu: undefined,
    capGB: undefined,
    quality: undefined,
    addresses: [],
    gateways: [],
  };
  return { name, device, ...rest, ...none, trusted: true, ...said };
}

/** A cable: a veth from one namespace to another, up at both ends, with these addresses. */
export async function cable(
  [one, device, ...addresses]: readonly [Sandbox, string, ...string[]],
  [other, far, ...farAddresses]: readonly [Sandbox, string, ...string[]],
): Promise<void> {
  const peer = ['peer', 'name', far, 'netns', other.name];
  await one.ip('link', 'add', device, 'type', 'veth', ...peer);
  for (const [where, name, all] of [
    [one, device, addresses],
    [other, far, farAddresses],
  ] as const) {
    for (const address of all)
      await where.ip('address', 'add', address, 'dev', name, ...nodad(address));
    await where.ip('link', 'set', name, 'up');
  }
}

/** Duplicates are looked for only where a test is about that. */
function nodad(address: string): string[] {
  return address.includes(':') ? ['nodad'] : [];
}

/** An underlay in the namespace, not yet started. */
export function underlayIn(t: Test, { path }: Sandbox): Promise<Inside<LinksNews>> {
  return inside<LinksNews>(t, path, './underlay-inside.ts');
}

/** The link of that name in what was told. */
export function named(links: readonly Link[], name: string): Link {
  const link = links.find(({ config }) => config.name === name);
  if (link === undefined) throw new Error(`no link ${name}`);
  return link;
}

/** The device that the kernel would send by, or its refusal. */
export async function wayOf(from: string, to: string, { ip }: Sandbox): Promise<string> {
  try {
    const [route] = await ip('route', 'get', to, 'from', from);
    return `${String(route?.dev)}${route?.gateway === undefined ? '' : ` via ${route.gateway}`}`;
  } catch (reason) {
    return /unreachable|No route to host/.test(String(reason)) ? 'unreachable' : String(reason);
  }
}

/** A sandbox for each name. */
export async function sandboxes<Name extends string>(
  t: Test,
  ...names: readonly Name[]
): Promise<Record<Name, Sandbox>> {
  const all = await Promise.all(names.map(async (name) => [name, await sandbox(t)] as const));
  return Object.fromEntries(all) as Record<Name, Sandbox>;
}
