// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { ConnectionEvents } from '../../api/elements/connection-events.js';
import { linkMetrics, waitOf, withLinkMetrics } from '../../api/elements/link-metrics.js';
import { Connection, State } from '../../api/gen/connection.js';
import { ManualClock } from '../../test/doubles/manual-clock.js';
import { Reach, type ReachOptions } from './reach.js';

type Wires = ReachOptions['steering']['wires'];
const holdMs = 60_000;
const connection = (id: string, state: State) =>
  Connection.fromPartial({ id, state, path: { pathSegments: [{ name: 'forwarder', id }] } });
const node = (name: string, more = {}) => ({ name, site: 'cloud', port: 0, links: [], ...more });

function stage(...wires: readonly (readonly [id: string, peer: string, leader: boolean])[]) {
  const events = new ConnectionEvents();
  const clock = new ManualClock();
  const steered = wires.map(([id, name, leader]) => {
    events.update(connection(id, State.UP));
    return { id, leader, peer: node(name, { stock: name === 'stock' }) };
  });
  const steering: { wires: Wires; get(id: string): Wires[number] | undefined } = {
    wires: steered,
    get: (id) => steering.wires.find((one) => one.id === id),
  };
  const away = new Set<string>();
  const peers = { all: [{ node: node('cloud') }] };
  const reach = new Reach({
    ...{ steering, peers, events, holdMs, clock },
    answers: (peer) => !away.has(peer),
    figures: (peer) => ({
      [linkMetrics.state]: 'up',
      [linkMetrics.usable]: away.has(peer) ? '0' : '2',
    }),
  });
  const states = () => wires.map(([id]) => events.get(id)?.state);
  const waits = () => wires.map(([id]) => waitOf(events.get(id) ?? Connection.create()));
  /** As the chain does with each answer. */
  const answered = (id: string) => {
    const answer = withLinkMetrics(connection(id, State.UP), reach.metricsOf(id));
    events.update({ ...answer, state: waitOf(answer) === undefined ? State.UP : State.DOWN });
  };
  return { events, steering, peers, clock, away, reach, states, waits, answered };
}

const { UP, DOWN } = State;

t.test('DOWN while nothing is answered, UP again; of the wires that we lead', (t) => {
  const { reach, away, states, waits, answered, events } = stage(
    ['a', 'cloud', true],
    ['b', 'lab', true],
    ['c', 'cloud', false],
  );
  reach.look();
  t.strictSame(states(), [UP, UP, UP]);
  away.add('cloud');
  reach.look();
  reach.look();
  t.strictSame(states(), [DOWN, UP, UP]);
  t.strictSame(waits(), [holdMs, undefined, undefined], 'and for how long it waits');
  t.ok(reach.isWaiting('a') && reach.isAway('a') && !reach.isAway('c'));
  answered('a');
  t.strictSame(states(), [DOWN, UP, UP], 'a refresh that is answered from memory changes nothing');
  away.clear();
  reach.look();
  t.strictSame(states(), [UP, UP, UP]);
  t.strictSame(waits(), [undefined, undefined, undefined]);
  const metrics = { state: 'up', strands_usable: '2' };
  t.strictSame(events.get('a')?.path?.pathSegments[0]?.metrics, metrics);
  t.end();
});

t.test('a wire waits no longer than a hold lasts', async (t) => {
  const { reach, away, states, waits, clock } = stage(['a', 'cloud', true]);
  away.add('cloud');
  reach.look();
  await clock.advance(holdMs - 1);
  t.equal(reach.metricsOf('a')[linkMetrics.holdMs], '1');
  await clock.advance(1);
  reach.look();
  t.strictSame([states(), waits()], [[DOWN], [undefined]]);
  away.clear();
  reach.look();
  t.strictSame(states(), [UP], 'it may have outlived that');
});

t.test(
  'where another node could serve, a stock peer, and one that has refused: no waiting',
  (t) => {
    const { reach, away, states, waits, peers } = stage(['a', 'cloud', true], ['b', 'stock', true]);
    peers.all.push({ node: node('cloud-2') });
    away.add('cloud').add('stock');
    reach.look();
    t.strictSame(
      [states(), waits()],
      [
        [DOWN, DOWN],
        [undefined, undefined],
      ],
    );
    away.add('cloud-2');
    reach.look();
    t.strictSame(waits(), [holdMs, undefined], 'it is away, too');
    reach.refused('a');
    t.strictSame(
      [states(), waits()],
      [
        [DOWN, DOWN],
        [undefined, undefined],
      ],
    );
    away.clear();
    reach.look();
    t.strictSame(states(), [UP, UP]);
    away.add('cloud').add('cloud-2');
    reach.look();
    t.strictSame(waits(), [holdMs, undefined], 'and another time is another time');
    t.end();
  },
);

t.test('what others have told meanwhile stands', (t) => {
  const { reach, away, events, states } = stage(['a', 'cloud', true]);
  away.add('cloud');
  reach.look();
  // The far end was lost, too.
  events.lost('a');
  reach.look();
  t.strictSame(states(), [DOWN], 'it is not told twice');
  away.clear();
  reach.look();
  t.strictSame(states(), [DOWN]);
  t.end();
});

t.test('a wire that is closed is forgotten', (t) => {
  const { reach, away, events, steering, states } = stage(['a', 'cloud', true]);
  away.add('cloud');
  reach.look();
  const { wires } = steering;
  steering.wires = [];
  events.delete('a');
  reach.look();
  t.strictSame([reach.isAway('a'), reach.metricsOf('a')], [false, {}]);
  steering.wires = wires;
  events.update(connection('a', UP));
  reach.look();
  t.strictSame(states(), [DOWN], 'told anew of the next one of its name');
  t.end();
});
