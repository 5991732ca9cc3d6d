// SPDX-License-Identifier: Apache-2.0
/** Certificates that are not accepted, and peers that do not speak TLS: what both ends say of them. */
import t from 'tap';
import { authority, svid, TestSource } from '../../../test/doubles/certificates.js';
import { options, wish } from '../../../test/doubles/grpc-pair.js';
import {
  clientId,
  dialling,
  edge,
  good,
  listening,
  other,
  reasonOf,
  seeing,
  serverId,
  serving,
  trusted,
} from '../../../test/doubles/tls-pair.js';
import { NetworkServiceService } from '../../gen/networkservice.js';
import { insecure, spiffe } from '../../identity/security.js';
import type { Svid } from '../../identity/types.js';
import type { Channels } from '../channel.js';

const { request } = NetworkServiceService;

/** What is wrong with a certificate, and what its peer says. */
const hourMs = 3_600_000;
const wrong: Record<string, [RegExp, () => Promise<Svid>]> = {
  expired: [
    /was valid until/,
    () =>
      svid(edge, clientId, {
        notBeforeMs: Date.now() - 2 * hourMs,
        notAfterMs: Date.now() - hourMs,
      }),
  ],
  'not yet valid': [
    /is valid from/,
    () =>
      svid(edge, clientId, {
        notBeforeMs: Date.now() + hourMs,
        notAfterMs: Date.now() + 2 * hourMs,
      }),
  ],
  'of an unknown domain': [
    /trust domain nowhere\.test is not known here/,
    async () => svid(await authority('nowhere.test'), 'spiffe://nowhere.test/x'),
  ],
  "of one domain, signed by another's root": [
    /signed by a root of other\.test, which may not speak for edge\.test/,
    () => svid(other, clientId),
  ],
  'of a root that is no more': [
    /not signed by any root that is known here for edge\.test/,
    async () => svid(await authority('edge.test'), clientId),
  ],
  'without a SPIFFE ID': [/no URI/, () => svid(edge, clientId, { uris: [] })],
  'with two SPIFFE IDs': [/2 URIs/, () => svid(edge, clientId, { uris: [clientId, serverId] })],
  "a CA's": [/CA's certificate/, () => svid(edge, clientId, { isAuthority: true })],
};

t.test('certificates that are not accepted, from either end', async (t) => {
  const { log, text } = listening();
  const rightServer = await serving(t, spiffe(await good(serverId)), {
    chain: seeing().chain,
    log,
  });
  const patienceMs = 400;
  const right = dialling(t, spiffe(await good(clientId)), patienceMs);
  for (const [name, [words, make]] of Object.entries(wrong)) {
    const bad = spiffe(new TestSource(await make(), trusted));
    const { urls } = await serving(t, bad, { chain: seeing().chain });
    const badClient = dialling(t, bad, patienceMs);
    const refused = /right after the TLS handshake: it may have refused our certificate/;
    const failure = async (expected: RegExp, all: Channels, url: string): Promise<unknown> => {
      using channel = all.acquire(url);
      return await reasonOf(expected, () => channel.unary(request, wish('a'), options()));
    };
    const refusals = rightServer.urls.map((url) => failure(refused, badClient, url));
    const failures = urls.map((url) => failure(words, right, url));
    for (const reason of await Promise.all(refusals)) t.match(reason, { message: refused }, name);
    for (const reason of await Promise.all(failures))
      t.match(reason, { message: words }, `a server's: ${name}`);
    t.match(text(), words, `the server says why: ${name}`);
  }
});

t.test('plaintext to TLS and the reverse, in clear words', async (t) => {
  const { log, text } = listening();
  const server = await serving(t, spiffe(await good(serverId)), { chain: seeing().chain, log });
  for (const url of server.urls) {
    const channel = dialling(t, insecure('x'), 300).acquire(url);
    const call = () => channel.unary(request, wish('a'), options());
    t.match(await reasonOf(/plaintext/, call), { message: /plaintext/ });
  }
  t.match(text(), /a client does not speak TLS: does it run with WANWIRE_INSECURE=true/);
  const plain = await serving(t, insecure('x'), { chain: seeing().chain });
  for (const url of plain.urls) {
    const all = dialling(t, spiffe(await good(clientId)), 300);
    const channel = all.acquire(url);
    const words = /the peer does not speak TLS: does it run with WANWIRE_INS/;
    const call = () => channel.unary(request, wish('a'), options());
    t.match(await reasonOf(words, call), { message: words });
  }
});
