// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { compose } from '../chain/compose.js';
import { ipOf } from '../chain/connection.js';
import { recording, testCall, testRequest } from '../../test/doubles/elements.js';
import { excludedPrefixes } from './excluded-prefixes.js';

const a = '10.0.0.0/8';
const b = '172.16.0.0/12';
const c = '192.168.0.0/16';

t.test('adds what is current, and takes back what it added and is not', async (t) => {
  let current = [a, b];
  const seen = recording();
  const call = testCall();
  const chain = compose(excludedPrefixes({ current: () => current }), seen);
  const ask = async (...excluded: string[]) => {
    const request = testRequest({ context: { ipContext: { excludedPrefixes: excluded } } });
    const answer = await chain.request(call, request);
    return ipOf(answer).excludedPrefixes;
  };
  t.same(await ask(c, b), [c, b, a]);
  t.same(await ask(c, b, a), [c, b, a], 'a refresh adds nothing twice');
  current = [c];
  t.same(await ask(c, b, a), [c, b], 'what the client excluded itself stays');
  current = [];
  t.same(await ask(c, b), [c, b]);
  await chain.close(call, testRequest({ id: 'c' }).connection);
});
