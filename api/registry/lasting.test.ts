// SPDX-License-Identifier: Apache-2.0
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { WireError } from '../errors/wire-error.js';
import { NetworkService } from '../gen/registry.js';
import { ManualClock, settle } from '../../test/doubles/manual-clock.js';
import { registryCall } from '../../test/doubles/registries.js';
import { lasting } from './lasting.js';
import type { Found, Registry } from './registry.js';

const entry = (name: string, payload = 'IP') => NetworkService.fromPartial({ name, payload });
const away = new WireError(status.UNAVAILABLE, 'site cloud cannot be reached');

interface Place {
  entries: NetworkService[];
  error?: Error | undefined;
  opened: number;
}

/** A registry whose streams are broken by hand, and one reader of a lasting watch of it. */
function scene(t: Test, error?: Error) {
  const clock = new ManualClock();
  const abort = new AbortController();
  const site: Place = { entries: [entry('a')], error, opened: 0 };
  let push: (found: Found<NetworkService>) => void = () => undefined;
  let cut: (reason: Error) => void = () => undefined;
  const registry = {
    async *find(call, _query, watch) {
      if (site.error !== undefined) throw site.error;
      if (watch) site.opened++;
      for (const one of [...site.entries]) yield { entry: one, deleted: false };
      while (watch) {
        yield await new Promise<Found<NetworkService>>((resolve, reject) => {
          push = resolve;
          cut = reject;
          call.signal.addEventListener('abort', () => {
            reject(new Error('cancelled'));
          });
        });
      }
    },
  } as Pick<Registry<NetworkService>, 'find'> as Registry<NetworkService>;
  let changed = new AbortController();
  const source = () => ({ registry, changed: changed.signal });
  const call = registryCall(clock, { signal: abort.signal });
  const told: string[] = [];
  const { find } = lasting(source);
  const end = (async (): Promise<void> => {
    for await (const { entry: one, deleted } of find(call, NetworkService.create(), true)) {
      told.push(`${deleted ? '-' : '+'}${one.name} ${one.payload}`);
    }
  })();
  end.catch(() => undefined);
  t.teardown(() => {
    abort.abort();
  });
  const news = async (): Promise<string[]> => {
    for (let turns = 0; turns < 5; turns++) await settle();
    return told.splice(0);
  };
  return {
    clock,
    site,
    abort,
    end,
    news,
    find: () => find(call, NetworkService.create(), false)[Symbol.asyncIterator]().next(),
    push: (found: Found<NetworkService>) => {
      push(found);
    },
    cut: () => {
      cut(away);
    },
    move: () => {
      const before = changed;
      changed = new AbortController();
      before.abort();
    },
  };
}

t.test(
  'what was told stands while the site is away; what changed meanwhile is told after',
  async (t) => {
    const { clock, site, news, push, cut } = scene(t);
    t.same(await news(), ['+a IP'], 'once, though snapshot and stream both have it');
    push({ entry: entry('b'), deleted: false });
    t.same(await news(), ['+b IP']);
    site.error = away;
    cut();
    await clock.advance(3_600_000);
    t.same(await news(), []);
    delete site.error;
    site.entries = [entry('b', 'ETHERNET'), entry('c')];
    await clock.advance(2_000);
    t.same(await news(), ['+b ETHERNET', '+c IP'], 'a may yet register again');
    await clock.advance(5_000);
    t.same(await news(), ['-a IP']);
  },
);

t.test(
  'an endpoint that registers late after its site’s restart is never told as gone',
  async (t) => {
    const { clock, site, news, push, cut } = scene(t);
    await news();
    site.entries = [];
    cut();
    await clock.advance(1_000);
    push({ entry: entry('a'), deleted: false });
    await news();
    site.entries = [entry('a')];
    await clock.advance(60_000);
    t.same(await news(), []);
    push({ entry: entry('a'), deleted: true });
    t.same(await news(), ['-a IP'], 'what it says itself is told at once');
  },
);

t.test('who asks for the first time hears that nobody is there', async (t) => {
  const { end, find } = scene(t, away);
  await t.rejects(find(), away);
  await t.rejects(end, away);
});

t.test('a site that has moved is asked where it is now, at once', async (t) => {
  const { clock, site, news, move } = scene(t);
  await news();
  t.equal(site.opened, 1);
  site.entries = [entry('a', 'ETHERNET')];
  move();
  t.same(await news(), ['+a ETHERNET']);
  t.equal(site.opened, 2);
  t.equal(clock.timers, 1, 'only the look at what is gone');
});

t.test('it ends with its caller and leaves nothing', async (t) => {
  const { clock, abort, end, news, cut } = scene(t);
  await news();
  cut();
  await news();
  abort.abort();
  await t.rejects(end, { name: 'AbortError' });
  t.equal(clock.timers, 0);
});
