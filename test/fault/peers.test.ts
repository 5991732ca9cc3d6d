// SPDX-License-Identifier: Apache-2.0
/** Sites that do not see each other: what is told, and what stands. Managers in this process. */
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { State } from '../../api/gen/connection.js';
import { cloud, edge, next, Site } from '../doubles/two-sites.js';

t.test('a site that is away is named with each of its addresses', async (t) => {
  const here = await Site.open(t, edge);
  const [one = '', two = ''] = cloud.control;
  await t.rejects(here.services('wan@cloud'), {
    code: status.UNAVAILABLE,
    message: new RegExp(
      `site cloud cannot be reached: .*${one}: .*ECONNREFUSED.*; ${two}: .*ECONNREFUSED`,
    ),
  });
});

t.test('our own manager restarts while the other site is away: the wire stays', async (t) => {
  const there = await Site.open(t, cloud);
  const here = await Site.open(t, edge);
  await there.endpoint('gateway');
  const first = await here.ask('wan@cloud');
  await Promise.all([there.stop(), here.restart()]);
  t.match(await here.endpoints({ name: 'gateway@cloud' }), [
    { name: 'gateway@cloud', url: `tcp://${cloud.control.join(',')}` },
  ]);
  const held = await here.refresh(first);
  t.same(
    held.path?.pathSegments.map(({ id }) => id),
    first.path?.pathSegments.map(({ id }) => id),
  );
  await t.rejects(here.ask('wan@cloud', 'client-1'), {
    code: status.UNAVAILABLE,
    message: /site cloud cannot be reached/,
  });
});

t.test(
  'tokens run out on both sides while they do not see each other, and no wire ends',
  async (t) => {
    // A wire ends after half of it: a busy machine needs more than its share of that.
    const tokenMs = 4_000;
    const there = await Site.open(t, { ...cloud, tokenMs });
    const here = await Site.open(t, { ...edge, tokenMs });
    const gateway = await there.endpoint('gateway');
    const first = await here.ask('wan@cloud');
    const atHome = there.events();
    t.match(await next(atHome), { state: State.UP });
    await there.deafen();
    let held = first;
    const untilMs = Date.now() + 3 * tokenMs;
    while (Date.now() < untilMs) {
      held = await here.refresh(held);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    t.equal(gateway.seen.closes.length, 0, 'the endpoint was refreshed by its forwarder');
    const asked = gateway.seen.requests.length;
    t.ok(asked > 3, 'several times');
    await there.hear();
    const back = await here.refresh(held);
    t.same(
      back.path?.pathSegments.map(({ id }) => id),
      first.path?.pathSegments.map(({ id }) => id),
    );
    t.match(await next(atHome), { state: State.UP, id: first.path?.pathSegments[3]?.id });
    await here.close(back);
    t.equal(gateway.seen.closes.length, 1);
  },
);
