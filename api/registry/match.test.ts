// SPDX-License-Identifier: Apache-2.0
/** Section 4's and 6's rules as tables. */
import t from 'tap';
import { NetworkService, NetworkServiceEndpoint } from '../gen/registry.js';
import { candidates, forwardersFor, hasLabels, matchesEndpoint, matchesService } from './match.js';

type Labels = Readonly<Record<string, string>>;

function endpoint(name: string, labels: Labels = {}, service = 's'): NetworkServiceEndpoint {
  return NetworkServiceEndpoint.fromPartial({
    name,
    url: `unix:///run/${name}.sock`,
    networkServiceNames: [service],
    networkServiceLabels: { [service]: { labels } },
    expirationTime: { seconds: 100n, nanos: 5 },
  });
}

t.test('find: an empty field asks for any, the others all count', (t) => {
  const service = NetworkService.fromPartial({
    name: 's',
    payload: 'IP',
    matches: [{ sourceSelector: { a: '1' } }],
  });
  const cases: readonly (readonly [NetworkService, boolean])[] = [
    [NetworkService.create(), true],
    [NetworkService.fromPartial({ name: 's' }), true],
    [NetworkService.fromPartial({ name: 'S' }), false],
    [NetworkService.fromPartial({ payload: 'IP' }), true],
    [NetworkService.fromPartial({ payload: 'ETHERNET' }), false],
    [NetworkService.fromPartial({ matches: [{ sourceSelector: { a: '1' } }] }), true],
    [NetworkService.fromPartial({ matches: [{ sourceSelector: { a: '2' } }] }), false],
  ];
  for (const [query, wanted] of cases) {
    t.equal(matchesService(query, service), wanted, JSON.stringify(query));
  }
  t.end();
});

t.test('find endpoints: part of the URL, some of the services and labels', (t) => {
  const found = endpoint('a', { app: 'x', tier: '1' });
  const of = NetworkServiceEndpoint.fromPartial.bind(NetworkServiceEndpoint);
  const cases: readonly (readonly [NetworkServiceEndpoint, boolean])[] = [
    [of({}), true],
    [of({ name: 'a' }), true],
    [of({ name: 'b' }), false],
    [of({ url: '/run/a' }), true],
    [of({ url: 'tcp:' }), false],
    [of({ networkServiceNames: ['s'] }), true],
    [of({ networkServiceNames: ['s', 'other'] }), false],
    [of({ networkServiceLabels: { s: { labels: { app: 'x' } } } }), true],
    [of({ networkServiceLabels: { s: { labels: { app: 'y' } } } }), false],
    [of({ networkServiceLabels: { other: { labels: { app: 'x' } } } }), false],
    [of({ networkServiceLabels: { constructor: { labels: { name: 'Object' } } } }), false],
    [of({ expirationTime: { seconds: 100n, nanos: 9 } }), true],
    [of({ expirationTime: { seconds: 101n } }), false],
  ];
  for (const [query, wanted] of cases) {
    t.equal(
      matchesEndpoint(query, found),
      wanted,
      JSON.stringify(query, (_key, value: unknown) =>
        typeof value === 'bigint' ? String(value) : value,
      ),
    );
  }
  t.end();
});

t.test('selectors: literal first, then a template over the labels', (t) => {
  const cases: readonly (readonly [Labels, Labels, boolean])[] = [
    [{}, {}, true],
    [{ a: '1', b: '2' }, { a: '1' }, true],
    [{ a: '1' }, { a: '2' }, false],
    [{}, { a: '' }, true],
    [{ a: 'n1', n: 'n1' }, { a: '{{.n}}' }, true],
    [{ a: 'x-n1-y', n: 'n1' }, { a: 'x-{{ .n }}-y' }, true],
    [{ a: 'n2', n: 'n1' }, { a: '{{.n}}' }, false],
    [{ a: '{{.n}}' }, { a: '{{.n}}' }, true],
    [{ a: 'n1', n: 'n1' }, { a: '{{.n | upper}}' }, false],
    [{ a: '{{.n' }, { a: '{{.n' }, true],
    [{}, { a: '{{.constructor}}' }, false],
    [{}, { toString: '' }, true],
  ];
  for (const [labels, wanted, result] of cases) {
    t.equal(hasLabels(labels, wanted, labels), result, JSON.stringify([labels, wanted]));
  }
  t.end();
});

/** A service whose matches are as in JSON. */
function service(matches: readonly object[]): NetworkService {
  return NetworkService.fromJSON({ name: 's', matches });
}

t.test('candidates: the first match that fits decides', (t) => {
  const blue = endpoint('blue', { app: 'blue' });
  const green = endpoint('green', { app: 'green' });
  const names = (of: NetworkService, labels: Labels, nowMs = 0): string[] =>
    candidates(of, [blue, green], labels, nowMs).map((one) => one.endpoint.name);
  t.same(names(service([]), {}), ['blue', 'green'], 'no matches: all');
  t.same(names(service([]), {}, 100_001), [], 'none that expired');
  const routed = service([
    { sourceSelector: { want: 'green' }, routes: [{ destinationSelector: { app: 'green' } }] },
    { routes: [{ destinationSelector: { app: '{{.want}}' } }] },
  ]);
  t.same(names(routed, { want: 'green' }), ['green']);
  t.same(names(routed, { want: 'blue' }), ['blue'], 'a template in a destination');
  t.same(names(routed, { want: 'red' }), [], 'nothing fits');
  const strict = service([{ sourceSelector: { a: '1' }, routes: [{}] }]);
  t.same(names(strict, {}), [], 'no match fits: none');
  const through = service([
    { fallthrough: true, routes: [{ destinationSelector: { app: 'red' } }] },
    { routes: [{ destinationSelector: { app: 'green' } }, {}] },
  ]);
  t.same(names(through, {}), ['green', 'blue'], 'on to the next match; a union in order');
  const stop = service([{ routes: [{ destinationSelector: { app: 'red' } }] }, { routes: [{}] }]);
  t.same(names(stop, {}), [], 'without fallthrough the first is the last');
  const metadata = service([{ metadata: { labels: { via: 'x' } } }]);
  t.same(names(metadata, {}), ['blue', 'green'], 'only a forwarder is chosen');
  t.same(names(service([{ fallthrough: true }]), {}), []);
  t.end();
});

t.test('candidates carry the weight of the route that led to them first', (t) => {
  const routes = [
    { destinationSelector: { app: 'blue' }, weight: 3 },
    { destinationSelector: {}, weight: 0 },
  ];
  const both = [endpoint('blue', { app: 'blue' }), endpoint('green')];
  const weights = candidates(service([{ routes }]), both, {}, 0).map(({ weight }) => weight);
  t.same(weights, [3, 1]);
  t.end();
});

t.test('forwarders: by metadata, else those that are point to point', (t) => {
  const p2p = endpoint('p2p', { p2p: 'true' }, 'forwarder');
  const other = endpoint('other', { via: 'x' }, 'forwarder');
  const names = (of: NetworkService, labels: Labels): string[] =>
    forwardersFor(of, [p2p, other], labels, 'forwarder').map(({ name }) => name);
  t.same(names(service([]), {}), ['p2p', 'other']);
  t.same(names(service([{}]), {}), ['p2p']);
  t.same(names(service([{ metadata: { labels: { via: 'x' } } }]), {}), ['other']);
  t.same(names(service([{ metadata: { labels: { via: '{{.v}}' } } }]), { v: 'x' }), ['other']);
  t.same(names(service([{ metadata: { labels: { via: 'y' } } }]), {}), []);
  t.same(names(service([{ metadata: { labels: { via: 'y' } }, fallthrough: true }, {}]), {}), [
    'p2p',
  ]);
  t.same(names(service([{ sourceSelector: { a: '1' } }]), {}), []);
  t.end();
});
