// SPDX-License-Identifier: Apache-2.0
/** A server whose certificate ends soon, and that asks nobody to come again: as upstream's. */
import t from 'tap';
import { setTimeout as sleep } from 'node:timers/promises';
import { authority, svid, TestSource } from '../../../test/doubles/certificates.js';
import { options, socketUrl, wish } from '../../../test/doubles/grpc-pair.js';
import { systemClock } from '../../chain/clock.js';
import type { Chain } from '../../chain/element.js';
import type { Peer } from '../../chain/peer.js';
import { NetworkServiceService } from '../../gen/networkservice.js';
import { spiffe } from '../../identity/security.js';
import { silentLogger } from '../../log/log.js';
import { channels } from '../dial.js';
import { serve } from '../serve.js';

t.test('a client comes again when the certificate of its peer is half over', async (t) => {
  const edge = await authority('edge.test');
  const bundles = new Map([['edge.test', [edge.certificate]]]);
  // Certificates end with the second.
  const notAfterMs = Math.ceil((Date.now() + 12_000) / 1_000) * 1_000;
  const theirs = await svid(edge, 'spiffe://edge.test/server', { notAfterMs });
  const ours = await svid(edge, 'spiffe://edge.test/client');
  const log = silentLogger();
  const url = await socketUrl(t);
  const chain: Chain = {
    request: (_call, { connection }) => Promise.resolve(connection),
    close: () => Promise.resolve(),
  };
  const security = spiffe(new TestSource(theirs, bundles));
  const server = await serve({ listenOn: [url], security, log, clock: systemClock, chain });
  t.teardown(() => server.close(0));
  const all = channels({
    security: spiffe(new TestSource(ours, bundles)),
    dialTimeoutMs: 2_000,
    log,
  });
  t.teardown(() => {
    all[Symbol.dispose]();
  });
  const channel = all.acquire(url);
  const carrier = async (): Promise<Peer | undefined> => {
    let found: Peer | undefined;
    const onPeer = (peer: Peer): void => {
      found = peer;
    };
    await channel.unary(NetworkServiceService.request, wish('a'), options({ onPeer }));
    return found;
  };
  const first = await carrier();
  t.ok(first);
  t.equal(await carrier(), first, 'one connection for now');
  await sleep((notAfterMs - Date.now()) / 2 + 500);
  t.not(await carrier(), first, 'another one, while the first is still valid');
  t.ok(Date.now() < notAfterMs);
});
