// SPDX-License-Identifier: Apache-2.0
/** Which labs `wanwire lab down` is about; done for real in test/netns. */
import t from 'tap';
import { labsToTakeDown } from './down.js';

t.same(labsToTakeDown([], {}), []);
t.same(labsToTakeDown(['default', 'mine'], {}), ['default']);
t.throws(() => labsToTakeDown(['mine'], {}), /which lab\? There is mine: say --name/);
t.same(labsToTakeDown(['mine', 'yours'], { name: 'mine' }), ['mine']);
t.same(labsToTakeDown(['mine'], { name: 'gone' }), ['gone'], 'down says that it is not there');
t.same(labsToTakeDown(['mine', 'yours'], { all: true }), ['mine', 'yours']);
