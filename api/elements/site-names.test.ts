// SPDX-License-Identifier: Apache-2.0
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { compose } from '../chain/compose.js';
import { Connection } from '../gen/connection.js';
import { answering, recording, testCall, testRequest } from '../../test/doubles/elements.js';
import { siteNames } from './site-names.js';

const control = 'tcp://127.0.0.2:5001';

function scene(...[own]: [own?: string]) {
  const seen = recording();
  const site = { own, isControl: (url: string | undefined) => url === control };
  const chosen = answering((one) => ({ ...one, networkServiceEndpointName: 'gateway' }));
  const chain = compose(siteNames(site), seen, chosen);
  const ask = async (networkService: string, networkServiceEndpointName = '', door = control) => {
    const labels = { site: 'wan@cloud' };
    const wish = testRequest({ networkService, networkServiceEndpointName, labels });
    const answer = await chain.request(testCall({ door }), wish);
    const inner = seen.requests.at(-1)?.connection;
    t.same(inner?.labels, labels, 'labels stay');
    return [
      [inner?.networkService, inner?.networkServiceEndpointName],
      [answer.networkService, answer.networkServiceEndpointName],
    ];
  };
  return { seen, chain, ask };
}

t.test(
  'our own site is taken off, and the answer has the names that the caller knows',
  async (t) => {
    const { ask } = scene('cloud');
    t.same(await ask('wan@cloud'), [
      ['wan', ''],
      ['wan@cloud', 'gateway@cloud'],
    ]);
    t.same(await ask('wan@cloud', 'gateway@cloud'), [
      ['wan', 'gateway'],
      ['wan@cloud', 'gateway@cloud'],
    ]);
    t.same(await ask('wan', 'gateway@cloud'), [
      ['wan', 'gateway'],
      ['wan', 'gateway@cloud'],
    ]);
    t.same(await ask('wan'), [
      ['wan', ''],
      ['wan', 'gateway'],
    ]);
  },
);

t.test('a Close names what is here', async (t) => {
  const { chain, seen } = scene('cloud');
  const names = { networkService: 'wan@cloud', networkServiceEndpointName: 'gateway@cloud' };
  await chain.close(testCall(), Connection.fromPartial(names));
  t.match(seen.closes, [{ networkService: 'wan', networkServiceEndpointName: 'gateway' }]);
});

t.test('other sites are for our own clients, not for another site', async (t) => {
  const { ask } = scene('cloud');
  const unix = 'unix:///run/x.sock';
  t.match(await ask('wan@lab', '', unix), [['wan@lab', ''], ['wan@lab']]);
  const refusal = { code: status.PERMISSION_DENIED, message: /^wan@lab: this is site cloud/ };
  await t.rejects(ask('wan@lab'), refusal);
  await t.rejects(ask('wan', 'gateway@lab'), { message: /^wan, gateway@lab: / });
});

t.test('without a site no name is ours', async (t) => {
  const { ask } = scene();
  t.same((await ask('wan@cloud', '', 'unix:///x'))[0], ['wan@cloud', '']);
});
