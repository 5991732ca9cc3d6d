// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { ConnectionEvents } from '../../api/elements/connection-events.js';
import { Connection, State } from '../../api/gen/connection.js';
import { Reach, type ReachOptions } from './reach.js';

type Wires = ReachOptions['steering']['wires'];

function stage(...wires: readonly (readonly [id: string, peer: string, leader: boolean])[]) {
  const events = new ConnectionEvents();
  const steered = wires.map(([id, name, leader]) => {
    events.update(Connection.fromPartial({ id, state: State.UP }));
    return { id, leader, peer: { name, site: '', port: 0, links: [] } };
  });
  const steering: { wires: Wires } = { wires: steered };
  const away = new Set<string>();
  const reach = new Reach({ steering, events, answers: (peer) => !away.has(peer) });
  const states = () => wires.map(([id]) => events.get(id)?.state);
  return { events, steering, away, reach, states };
}

const { UP, DOWN } = State;

t.test('DOWN while nothing is answered, UP again; of the wires that we lead', (t) => {
  const { reach, away, states } = stage(
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
  away.clear();
  reach.look();
  t.strictSame(states(), [UP, UP, UP]);
  t.end();
});

t.test('what others have told meanwhile stands', (t) => {
  const { reach, away, events, states } = stage(['a', 'cloud', true], ['b', 'cloud', true]);
  away.add('cloud');
  reach.look();
  // The far end was lost, too; the other one was asked for anew.
  events.update(Connection.fromPartial({ id: 'a', state: DOWN }));
  events.update(Connection.fromPartial({ id: 'b', state: UP }));
  reach.look();
  t.strictSame(states(), [DOWN, UP], 'it is not told twice');
  away.clear();
  reach.look();
  t.strictSame(states(), [DOWN, UP]);
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
  steering.wires = wires;
  events.update(Connection.fromPartial({ id: 'a', state: UP }));
  reach.look();
  t.strictSame(states(), [DOWN], 'told anew of the next one of its name');
  t.end();
});
