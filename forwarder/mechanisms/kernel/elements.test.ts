// SPDX-License-Identifier: Apache-2.0
import { status } from '@grpc/grpc-js';
import { statSync } from 'node:fs';
import t from 'tap';
import { compose } from '../../../api/chain/compose.js';
import type { Mechanism } from '../../../api/gen/connection.js';
import { answering, recording, testCall, testRequest } from '../../../test/doubles/elements.js';
import { mtu } from '../../elements/mtu.js';
import { Namespaces } from '../../namespaces/namespaces.js';
import { kernelClient } from './client.js';
import { kernelServer } from './server.js';
import { clientSocket, endpointSocket } from './side.js';

const namespaces = new Namespaces();
const { dev, ino } = statSync('/proc/self/ns/net', { bigint: true });
const inodeURL = `inode://${String(dev)}/${String(ino)}`;

function kernel(parameters: Record<string, string>): Mechanism {
  return { cls: 'LOCAL', type: 'KERNEL', parameters };
}

t.test('the client names its namespace and interface', async (t) => {
  const call = testCall();
  const below = recording();
  const chain = compose(kernelServer(namespaces), below);
  const mechanism = kernel({ inodeURL, name: 'nsm-1' });
  await chain.request(call, testRequest({ id: '1', mechanism }));
  t.match(call.state.get(clientSocket), { name: 'nsm-1', place: { id: { dev, ino } } });
  t.same(below.requests[0]?.connection.mechanism?.parameters, { inodeURL, name: 'nsm-1' });
});

t.test('a client without a name gets one, always the same', async (t) => {
  const chain = compose(kernelServer(namespaces));
  const ask = () =>
    chain.request(
      testCall(),
      testRequest({ id: '1', networkService: 'my-service', mechanism: kernel({ inodeURL }) }),
    );
  const [one, two] = [await ask(), await ask()];
  t.match(one.mechanism?.parameters['name'], /^my-service-[0-9a-zA-Z]{4}$/);
  t.same(one.mechanism, two.mechanism);
});

const bad: readonly (readonly [string, Record<string, string>, RegExp])[] = [
  ['16 characters', { inodeURL, name: 'abcdefghijklmnop' }, /parameters.name .*has 16 characters/],
  ['an empty name', { inodeURL, name: '' }, /parameters.name \(it is empty\)/],
  ['a slash', { inodeURL, name: 'a/b' }, /contains "\/"/],
  ['a space', { inodeURL, name: 'a b' }, /contains " "/],
  ['no namespace', { name: 'nsm-1' }, /parameters.inodeURL: "" is not valid: want inode:/],
  [
    'no metric',
    { inodeURL, name: 'nsm-1', 'wanwire.metric': '-1' },
    /^mechanism.parameters.wanwire.metric: "-1" is not valid: want 0 to 65535/,
  ],
  [
    'too high a metric',
    { inodeURL, name: 'nsm-1', 'wanwire.metric': '65536' },
    /wanwire.metric: "65536" is not valid/,
  ],
  ['half a namespace', { inodeURL: 'inode://4', name: 'nsm-1' }, /inodeURL: "inode:\/\/4"/],
];
for (const [what, parameters, message] of bad) {
  t.test(`refused before anybody else is asked: ${what}`, async (t) => {
    const below = recording();
    const chain = compose(kernelServer(namespaces), below);
    const request = testRequest({ id: '1', mechanism: kernel(parameters) });
    await t.rejects(chain.request(testCall(), request), { code: status.INVALID_ARGUMENT, message });
    t.equal(below.requests.length, 0);
  });
}

t.test('an inode of no process', async (t) => {
  const mechanism = kernel({ inodeURL: `inode://${String(dev)}/1`, name: 'nsm-1' });
  const chain = compose(kernelServer(namespaces));
  await t.rejects(chain.request(testCall(), testRequest({ id: '1', mechanism })), {
    code: status.NOT_FOUND,
    message: /mechanism.parameters.inodeURL: inode:\/\/\d+\/1: no process has/,
  });
});

t.test('the endpoint names its own, or gets a name', async (t) => {
  const answer = (parameters: Record<string, string>) =>
    compose(
      kernelClient(namespaces),
      answering((connection) => ({
        ...connection,
        networkServiceEndpointName: 'nse',
        mechanism: kernel(parameters),
      })),
    );
  const call = testCall();
  await answer({ inodeURL, name: 'nse-7' }).request(call, testRequest({ id: '1' }));
  t.match(call.state.get(endpointSocket), { name: 'nse-7' });
  const named = await answer({ inodeURL }).request(
    call,
    testRequest({ id: '1', networkService: 's' }),
  );
  t.equal(named.mechanism?.parameters['name'], call.state.get(endpointSocket)?.name);
  await t.rejects(answer({}).request(call, testRequest({ id: '1' })), {
    code: status.INVALID_ARGUMENT,
    message: /^mechanism of endpoint nse.parameters.inodeURL: ""/,
  });
});

t.test('an endpoint that answers something else is for others', async (t) => {
  const chain = compose(kernelClient(namespaces));
  const mechanism = { cls: 'REMOTE', type: 'VXLAN', parameters: {} };
  const call = testCall();
  const answer = await chain.request(call, testRequest({ id: '1', mechanism }));
  t.match(answer.mechanism, mechanism);
  t.equal(call.state.get(endpointSocket), undefined);
});

t.test('an MTU is said where the client said none', async (t) => {
  const chain = compose(mtu());
  const asked = async (MTU: number) =>
    (await chain.request(testCall(), testRequest({ id: '1', context: { MTU } }))).context?.MTU;
  t.equal(await asked(0), 9000);
  t.equal(await asked(1400), 1400);
});
