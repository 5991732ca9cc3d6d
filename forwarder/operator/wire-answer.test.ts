// SPDX-License-Identifier: Apache-2.0
/** Wires as they are told, and when they have another version. */
import t from 'tap';
import { ConnectionEvents } from '../../api/elements/connection-events.js';
import { Connection } from '../../api/gen/connection.js';
import { Changes } from './changes.js';
import { ToldWires } from './wire-answer.js';

const connection = (id: string, token = ''): Connection =>
  Connection.fromPartial({
    ...{ id, networkService: 'wan', networkServiceEndpointName: 'edge-wan' },
    path: {
      index: 1,
      pathSegments: [
        { id: `of-${id}`, name: 'web', token },
        { id, name: 'forwarder' },
      ],
    },
    mechanism: { type: 'KERNEL', parameters: { name: 'nsm-1' } },
  });

t.test('each change of what is told is another version, and nothing else is', (t) => {
  const events = new ConnectionEvents();
  events.update(connection('b'));
  const changes = new Changes();
  const peers = new Map<string, string>();
  const wires = new ToldWires({
    ...{ events, changes },
    identityOf: () => undefined,
    peerOf: (id) => peers.get(id),
  });
  const first = wires.answer();
  t.match(first.wires, [{ id: 'b', connection: 'of-b', client: 'web', interface: 'nsm-1' }]);
  t.same(wires.answer(first.version), { version: first.version });
  let count = 0;
  using _following = changes.follow(() => void count++);

  // A refresh.
  events.update(connection('b', 'another token'));
  t.equal(wires.answer().version, first.version);
  t.equal(count, 0);

  const known = new Set([first.version]);
  const isNew = (what: string): void => {
    const { version } = wires.answer();
    t.notOk(known.has(version), what);
    known.add(version);
  };
  events.update(connection('a'));
  isNew('another wire');
  t.match(wires.answer().wires, [{ id: 'a' }, { id: 'b' }], 'in order');
  events.down('a');
  isNew('it is down');
  events.down('a');
  t.equal(count, 2, 'that was so');
  peers.set('a', 'cloud@cloud');
  events.update(connection('a'));
  isNew('it leads elsewhere, and is up');
  t.match(wires.answer().wires, [{ state: 'up', peer: 'cloud@cloud' }, {}]);
  events.delete('b');
  isNew('one is gone');
  events.delete('b');
  t.equal(count, 4);
  t.match(wires.answer().wires, [{ id: 'a' }]);
  t.end();
});
