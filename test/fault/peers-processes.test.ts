// SPDX-License-Identifier: Apache-2.0
/** Two `wanwire manager` processes with site files, killed and started again: no wire is lost, and names stay. */
import { writeFile } from 'node:fs/promises';
import t from 'tap';
import { State } from '../../api/gen/connection.js';
import { manager } from '../../lab/roles.js';
import { World } from '../../lab/world.js';
import { cloud, edge, next, Site, type Files, type Launch } from '../doubles/two-sites.js';
import { command } from '../stage/command.js';
import { until } from '../stage/up.js';

/** A site's file as a user writes it. */
function textOf({ current: { site } }: Files): string {
  const peers = site.peers.map(({ site: name, control }) => ({ site: name, control }));
  return `apiVersion: wanwire.io/v1alpha1
kind: Site
metadata: {name: ${site.name}}
spec:
  trustDomain: ${site.name}.example
  control: ${JSON.stringify(site.control)}
  links: [{name: fibre, device: wan0, trusted: true}]
  peers: ${JSON.stringify(peers)}
`;
}

/** Managers as processes, which `close` kills. */
function byProcess(world: World): Launch {
  return async (env, files) => {
    const { name, control } = files.current.site;
    const path = world.path(`${name}.yaml`);
    await writeFile(path, textOf(files));
    files.onChange(() => void writeFile(path, textOf(files)));
    const role = manager(world, { ...env, WANWIRE_SITE_FILE: path });
    const player = await world.start({ ...role, name });
    return {
      urls: control.map((place) => `tcp://${place}`),
      close: async () => {
        await player.end('SIGKILL');
      },
    };
  };
}

t.test('managers are killed in turn and at once', async (t) => {
  await using world = await World.open(command());
  const launch = byProcess(world);
  const there = await Site.open(t, cloud, launch);
  const here = await Site.open(t, edge, launch);
  const gateway = await there.endpoint('gateway');
  const first = await here.ask('wan@cloud');
  const ids = first.path?.pathSegments.map(({ id }) => id);
  t.match(first, { networkService: 'wan@cloud', networkServiceEndpointName: 'gateway@cloud' });
  const rounds: readonly (readonly Site[])[] = [[there], [here], [there, here], [here, there]];
  let last = first;
  for (const killed of rounds) {
    for (const site of killed) await site.restart();
    last = await here.refresh(last);
    t.match(last, { networkService: 'wan@cloud', networkServiceEndpointName: 'gateway@cloud' });
    t.same(
      last.path?.pathSegments.map(({ id }) => id),
      ids,
    );
  }
  t.equal(gateway.seen.closes.length, 0);
  const events = here.events();
  t.match(await next(events), { state: State.UP, networkService: 'wan@cloud' });
  await here.close(last);
  t.equal(gateway.seen.closes.length, 1);
});

t.test('a changed file is followed, one with a mistake changes nothing', async (t) => {
  await using world = await World.open(command());
  const launch = byProcess(world);
  const there = await Site.open(t, cloud, launch);
  const here = await Site.open(t, { ...edge, peers: [] }, launch);
  await there.endpoint('gateway');
  await t.rejects(here.services('wan@cloud'), { message: /names no others/ });
  here.files.change({ peers: edge.peers });
  const found = async (): Promise<string[]> => {
    const services = await here.services('wan@cloud').catch(() => []);
    return services.map(({ name }) => name);
  };
  await until('the service', async () => (await found()).length > 0);
  await writeFile(world.path('edge.yaml'), 'kind: Site\nspec: {peers: 7}\n');
  await until('what is wrong with it', () => world.player('edge').log().includes('spec.peers'));
  t.same(await found(), ['wan@cloud']);
});
