// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { status } from '@grpc/grpc-js';
import { compose } from '../../api/chain/compose.js';
import { UnreachableError } from '../../api/errors/unreachable-error.js';
import { WireError } from '../../api/errors/wire-error.js';
import { failing, testCall, testRequest } from '../../test/doubles/elements.js';
import { linkFigures } from './link-figures.js';

const path = {
  index: 0,
  pathSegments: [{ name: 'f', id: '1', metrics: { request_ms: '3', hold_ms: '9', rtt_ms: '1' } }],
};
const request = testRequest({ id: '1', path });

t.test('the figures of now, and none of before; what others say of the hop stays', async (t) => {
  const metricsOf = () => ({ state: 'up', strands_usable: '2' });
  const chain = compose(linkFigures({ metricsOf, refused: () => undefined }));
  const answer = await chain.request(testCall(), request);
  t.strictSame(answer.path?.pathSegments[0]?.metrics, {
    request_ms: '3',
    state: 'up',
    strands_usable: '2',
  });
});

t.test('a refusal is told; that nobody was there to refuse, or no time, is none', async (t) => {
  const refused: string[] = [];
  const ask = async (error: Error, signal?: AbortSignal) => {
    const reach = { metricsOf: () => ({}), refused: (id: string) => refused.push(id) };
    const call = testCall(signal && { signal });
    await t.rejects(compose(linkFigures(reach), failing(error)).request(call, request), error);
    return refused.splice(0).length;
  };
  t.equal(await ask(new WireError(status.NOT_FOUND, 'gone')), 1);
  t.equal(await ask(new UnreachableError('nobody held it')), 1);
  t.equal(await ask(new WireError(status.DEADLINE_EXCEEDED, 'late')), 0);
  t.equal(await ask(new WireError(status.NOT_FOUND, 'gone'), AbortSignal.abort()), 0);
});
