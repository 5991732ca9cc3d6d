// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { compose } from '../../api/chain/compose.js';
import { kernelMechanism } from '../../api/elements/kernel-mechanism.js';
import { recording, testCall, testRequest } from '../../test/doubles/elements.js';
import { kernel } from './kernel.js';

type Parameters = Readonly<Record<string, string>>;

/** What is asked for, by what was chosen before and what is wished now. */
async function asked(chosen: Parameters | undefined, wished: Parameters | undefined) {
  const below = recording();
  const request = testRequest({
    id: '1',
    networkService: 's',
    mechanism: chosen && kernelMechanism(chosen),
  });
  const mechanismPreferences = wished === undefined ? [] : [kernelMechanism(wished)];
  await compose(kernel('inode://4/1'), below).request(testCall(), {
    ...request,
    mechanismPreferences,
  });
  const [sent] = below.requests;
  return {
    chosen: sent?.connection.mechanism?.parameters,
    wished: sent?.mechanismPreferences.map(({ parameters }) => parameters),
  };
}

const inodeURL = 'inode://4/1';

t.test('a new wire: what is wished, and in which namespace', async (t) => {
  const wish = { name: 'nsm-1', 'wanwire.metric': '2' };
  t.same(await asked(undefined, wish), { chosen: undefined, wished: [{ inodeURL, ...wish }] });
});

t.test('a refresh says what was chosen before', async (t) => {
  const before = { inodeURL: 'old', name: 'nsm-1', 'wanwire.metric': '2', more: 'x' };
  t.same(await asked(before, undefined), {
    chosen: { ...before, inodeURL },
    wished: [{ inodeURL, name: 'nsm-1', 'wanwire.metric': '2' }],
  });
});

t.test('another place in the list is another metric of the same wire', async (t) => {
  const before = { inodeURL, name: 'nsm-1', 'wanwire.metric': '2' };
  const wish = { name: 'nsm-1', 'wanwire.metric': '0' };
  t.match(await asked(before, wish), {
    chosen: { 'wanwire.metric': '0' },
    wished: [{ 'wanwire.metric': '0' }],
  });
});
