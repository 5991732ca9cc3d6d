// SPDX-License-Identifier: Apache-2.0
/** Links as the kernel has them, and told when they change. */
import t, { type Test } from 'tap';
import type { SiteLink } from '../../api/site/types.js';
import type { Link } from '../../forwarder/underlay/link.js';
import type { Inside } from './inside.js';
import type { Sandbox } from './sandbox.js';
import type { LinksNews } from './underlay-inside.js';
import { cable, named, sandboxes, siteLink, underlayIn } from './underlay-stage.js';

interface Stage {
  readonly node: Sandbox;
  readonly far: Sandbox;
  readonly underlay: Inside<LinksNews>;
  readonly links: readonly Link[];
  /** Wait until the link fits. */
  until(name: string, what: string, fits: (link: Link) => boolean): Promise<Link>;
}

const fibre = siteLink('fibre', 'wan0');
const lte = siteLink('lte', 'wan1');

/** Two links: one with a gateway, one without. */
async function stage(t: Test, config: readonly SiteLink[] = [fibre, lte]): Promise<Stage> {
  const { node, far } = await sandboxes(t, 'node', 'far');
  await cable([node, 'wan0', '192.0.2.2/24', '2001:db8::2/64'], [far, 'far0', '192.0.2.1/24']);
  await cable([node, 'wan1', '198.51.100.2/24'], [far, 'far1', '198.51.100.1/24']);
  await node.ip('route', 'add', 'default', 'via', '192.0.2.1');
  const underlay = await underlayIn(t, node);
  const links = (await underlay.call('start', config)) as readonly Link[];
  const until: Stage['until'] = async (name, what, fits) => {
    const { links } = await underlay.until(what, (last) => fits(named(last.links, name)));
    return named(links, name);
  };
  return { node, far, underlay, links, until };
}

async function indexOf({ ip }: Sandbox, name: string): Promise<number | undefined> {
  return (await ip('link', 'show', name))[0]?.ifindex;
}

t.test('links as they are: index, addresses, gateways, MTU', async (t) => {
  const slow = { ...lte, mtu: 1400, gateways: ['198.51.100.9'] };
  const { node, links } = await stage(t, [fibre, slow, siteLink('later', 'wan2')]);
  t.match(links, [
    {
      id: 1,
      ifindex: await indexOf(node, 'wan0'),
      up: true,
      addresses: { v4: '192.0.2.2', v6: '2001:db8::2' },
      gateways: { v4: '192.0.2.1' },
      mtu: 1500,
    },
    {
      id: 2,
      up: true,
      addresses: { v4: '198.51.100.2' },
      gateways: { v4: '198.51.100.9' },
      mtu: 1400,
    },
    { id: 3, ifindex: 0, up: false, addresses: {}, gateways: {}, mtu: 0 },
  ]);
});
