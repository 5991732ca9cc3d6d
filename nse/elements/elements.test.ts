// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { compose } from '../../api/chain/compose.js';
import { ownNamespaceUrl } from '../../api/elements/kernel-mechanism.js';
import { testCall, testRequest } from '../../test/doubles/elements.js';
import { dns } from './dns.js';
import { kernel } from './kernel.js';
import { routes } from './routes.js';

t.test('kernel says where the interface is to be, and names it where nobody did', async (t) => {
  const url = ownNamespaceUrl();
  t.match(url, /^inode:\/\/\d+\/\d+$/);
  const chain = compose(kernel(url));
  const asked = { id: 'c-1', networkService: 'icmp-responder@cloud' };
  const answer = await chain.request(testCall(), testRequest(asked));
  const { inodeURL, name = '' } = answer.mechanism?.parameters ?? {};
  t.equal(inodeURL, url);
  t.match(name, /^icmp-respo-[0-9a-f]{4}$/);
  const refreshed = await chain.request(testCall(), testRequest(answer));
  t.strictSame(refreshed.mechanism, answer.mechanism, 'a refresh keeps the name');
  const other = await chain.request(testCall(), testRequest({ ...asked, id: 'c-2' }));
  t.not(other.mechanism?.parameters['name'], name, 'another client has another name');
  const named = testRequest({ mechanism: { type: 'KERNEL', parameters: { name: 'nsm-1' } } });
  t.equal((await chain.request(testCall(), named)).mechanism?.parameters['name'], 'nsm-1');
});

t.test('kernel refuses a name that Linux would refuse', async (t) => {
  const chain = compose(kernel('inode://4/1'));
  for (const name of ['', '0123456789abcdef', 'a/b', 'a b', '..', 'all']) {
    const request = testRequest({ mechanism: { type: 'KERNEL', parameters: { name } } });
    const message = new RegExp(`^mechanism.parameters.name: "${name}" is not valid`);
    await t.rejects(() => chain.request(testCall(), request), { code: 3, message }, name);
  }
});

t.test('dns and routes are added once', async (t) => {
  const configs = [{ dnsServerIps: ['192.0.2.53'], searchDomains: [] }];
  const chain = compose(dns(configs), routes(['10.1.2.3/16', '2001:db8::/32']));
  const srcRoutes = [{ prefix: '10.1.0.0/16', nextHop: '192.0.2.1' }];
  const request = testRequest({ context: { ipContext: { srcRoutes } } });
  const answer = await chain.request(testCall(), request);
  t.match(answer.context?.dnsContext, { configs });
  const again = await chain.request(testCall(), testRequest(answer));
  for (const { context } of [answer, again]) {
    t.equal(context?.dnsContext?.configs.length, 1);
    t.match(context?.ipContext?.srcRoutes, [
      ...srcRoutes,
      { prefix: '2001:db8::/32', nextHop: '' },
    ]);
    t.equal(context?.ipContext?.srcRoutes.length, 2);
  }
  await chain.close(testCall(), answer);
});
