// SPDX-License-Identifier: Apache-2.0
/** Two managers as two sites, on loopback addresses of their own, with forwarders that go straight to endpoints. */
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { State } from '../api/gen/connection.js';
import { cloud, edge, lan, next, Site } from '../test/doubles/two-sites.js';

t.test('a service of another site is found, asked for and closed by its full name', async (t) => {
  const there = await Site.open(t, cloud);
  const here = await Site.open(t, edge);
  const gateway = await there.endpoint('gateway', { app: 'wan' });

  const [service] = await here.services('wan@cloud');
  t.match(service, { name: 'wan@cloud', payload: 'IP' });
  const [found] = await here.endpoints({ networkServiceNames: ['wan@cloud'] });
  t.match(found, {
    name: 'gateway@cloud',
    networkServiceNames: ['wan@cloud'],
    networkServiceLabels: { 'wan@cloud': { labels: { app: 'wan' } } },
    url: `tcp://${cloud.control.join(',')}`,
  });
  t.match(await here.endpoints({ name: 'gateway@cloud' }), [{ name: 'gateway@cloud' }]);

  const first = await here.ask('wan@cloud');
  t.match(first, { networkService: 'wan@cloud', networkServiceEndpointName: 'gateway@cloud' });
  t.same(
    first.path?.pathSegments.map(({ name }) => name),
    ['client', 'nmgr-edge', 'forwarder-edge', 'nmgr-cloud', 'forwarder-cloud', 'gateway'],
  );
  t.match(gateway.seen.requests.at(-1)?.connection, {
    networkService: 'wan',
    networkServiceEndpointName: 'gateway',
    labels: { app: 'sip' },
  });
  const second = await here.refresh(first);
  t.same(
    second.path?.pathSegments.map(({ id }) => id),
    first.path?.pathSegments.map(({ id }) => id),
  );
  await here.close(second);
  t.match(gateway.seen.closes, [{ networkService: 'wan', networkServiceEndpointName: 'gateway' }]);
});

t.test('events carry the names that their readers know', async (t) => {
  const there = await Site.open(t, cloud);
  const here = await Site.open(t, edge);
  await there.endpoint('gateway');
  const atHome = here.events();
  const away = there.events();
  const first = await here.ask('wan@cloud');
  t.match(await next(atHome), {
    networkService: 'wan@cloud',
    networkServiceEndpointName: 'gateway@cloud',
  });
  t.match(await next(away), {
    networkService: 'wan@cloud',
    networkServiceEndpointName: 'gateway@cloud',
  });
  await here.close(first);
  t.match(await next(atHome), { networkService: 'wan@cloud' });
});

t.test('our own site may be named', async (t) => {
  const here = await Site.open(t, edge);
  await here.endpoint('local');
  t.match(await here.endpoints({ networkServiceNames: ['wan@edge'] }), [
    { name: 'local@edge', networkServiceNames: ['wan@edge'] },
  ]);
  const answer = await here.ask('wan@edge');
  t.match(answer, { networkService: 'wan@edge', networkServiceEndpointName: 'local@edge' });
  t.equal(answer.path?.pathSegments.length, 4, 'it does not leave the site');
});

t.test('sites that are not known, and a site that passes nothing on', async (t) => {
  const here = await Site.open(t, edge);
  const there = await Site.open(t, { ...cloud, peers: [{ site: 'lab', control: lan }] });
  await t.rejects(here.services('wan@moon'), {
    code: status.NOT_FOUND,
    message: 'site "moon" is not known: this is site edge, whose file (spec.peers) names cloud',
  });
  await t.rejects(here.ask('wan@moon'), { code: status.NOT_FOUND, message: /site "moon"/ });
  const stranger = there.stranger();
  await t.rejects(stranger.services('wan@lab'), {
    code: status.PERMISSION_DENIED,
    message: /this is site cloud, which passes nothing on/,
  });
  await t.rejects(stranger.register('intruder'), { code: status.PERMISSION_DENIED });
  await t.rejects(here.register('a@edge'), { code: status.INVALID_ARGUMENT, message: /without @/ });
});

t.test('the first control address is dead: the second does', async (t) => {
  const there = await Site.open(t, { ...cloud, control: cloud.control.slice(1) });
  const here = await Site.open(t, edge);
  await there.endpoint('gateway');
  t.match(await here.ask('wan@cloud'), { networkServiceEndpointName: 'gateway@cloud' });
});

t.test('a watch survives the other site’s restart', async (t) => {
  const there = await Site.open(t, cloud);
  const here = await Site.open(t, edge);
  await there.endpoint('gateway');
  const watch = here.watch('wan@cloud');
  t.match(await next(watch), { deleted: false, entry: { name: 'gateway@cloud' } });
  await there.restart();
  await there.endpoint('second');
  t.match(
    await next(watch),
    { deleted: false, entry: { name: 'second@cloud' } },
    'the first is kept',
  );
  t.same((await here.endpoints({ networkServiceNames: ['wan@cloud'] })).length, 2);
});

t.test(
  'a wire outlives the restart of the other site’s manager, and nobody hears of a loss',
  async (t) => {
    const there = await Site.open(t, cloud);
    const here = await Site.open(t, edge);
    const gateway = await there.endpoint('gateway');
    const first = await here.ask('wan@cloud');
    const events = here.events();
    t.match(await next(events), { state: State.UP });
    await there.stop();
    const held = await here.refresh(first);
    t.match(held, { id: first.id, networkServiceEndpointName: 'gateway@cloud' });
    await there.start();
    const asked = gateway.seen.requests.length;
    const second = await here.refresh(held);
    t.same(
      second.path?.pathSegments.map(({ id }) => id),
      first.path?.pathSegments.map(({ id }) => id),
    );
    t.ok(gateway.seen.requests.length > asked, 'it went all the way');
    for (let count = 0; count < 2; count++) t.match(await next(events), { state: State.UP });
  },
);

t.test('files that change: peers, control addresses and services follow', async (t) => {
  const there = await Site.open(t, { ...cloud, control: lan });
  const here = await Site.open(t, edge);
  await there.endpoint('gateway');
  here.files.change({ peers: [{ site: 'cloud', control: lan }] });
  t.match(await here.services('wan@cloud'), [{ name: 'wan@cloud' }]);
  there.files.change({ control: cloud.control });
  here.files.change({ peers: [{ site: 'cloud', control: cloud.control }] });
  await there.listensOn(cloud.control);
  t.match(await here.endpoints({ name: 'gateway@cloud' }), [
    { url: `tcp://${cloud.control.join(',')}` },
  ]);
  here.files.change({ peers: [] });
  await t.rejects(here.services('wan@cloud'), {
    code: status.NOT_FOUND,
    message: /names no others/,
  });
});
