// SPDX-License-Identifier: Apache-2.0
/** An Envoy whose routes are wrong: the witness and the audit both tell, each by itself. */
import t from 'tap';
import { App } from '../../lab/http/app.js';
import { entry, Mesh } from '../stage/mesh.js';

t.setTimeout(120_000);

/** The interfaces of the classes are confused. */
const believed =
  'kernel://wan@cloud/nsm-1,kernel://wan-low-latency@cloud/nsm-bulk,kernel://wan-best-effort@cloud/nsm-low';

t.test('the boss is sent over the link of the minion, and the other way round', async (t) => {
  await using mesh = await Mesh.open({ believed, audited: true });
  const witnesses = await mesh.witnesses();
  const loads = ['boss', 'minion', 'guest'].map((user) => {
    return { user, protocol: 'http2', count: 50 } as const;
  });
  await using app = await App.start(mesh.sites.pod, { target: entry, loads });
  const answered = await app.finished();
  await witnesses.stop();
  const astray = witnesses.astray(answered).map(({ user }) => user);
  t.equal(astray.filter((user) => user === 'boss').length, 50);
  t.equal(astray.filter((user) => user === 'minion').length, 50);
  t.equal(astray.includes('guest'), false);

  const report = await mesh.auditor?.report();
  t.match(report?.total, { requests: 150, right: 50, wrong: 100, unknown: 0, fallback: 0 });
  const rows = report?.rows.map(({ rule, links, wrong }) => ({ rule, links, wrong }));
  t.strictSame(rows, [
    { rule: 'boss', links: ['lte'], wrong: 50 },
    { rule: 'minion', links: ['fibre'], wrong: 50 },
    { rule: null, links: ['lte'], wrong: 0 },
  ]);
});
