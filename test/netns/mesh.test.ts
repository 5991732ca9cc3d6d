// SPDX-License-Identifier: Apache-2.0
/** A request's header decides its WAN link, through a real Envoy: judged by what a capture at each link sees. */
import t from 'tap';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import { App } from '../../lab/http/app.js';
import type { Answered, Load, Protocol } from '../../lab/http/types.js';
import { template } from '../../lab/default.js';
import type { LabFile } from '../../lab/types.js';
import { entry, Mesh } from '../stage/mesh.js';
import { until } from '../stage/up.js';

t.setTimeout(170_000);

const protocols: readonly Protocol[] = ['http1', 'http2', 'grpc'];
const users = ['boss', 'minion', 'guest'];
const failures = (answered: readonly Answered[]): readonly string[] =>
  answered.flatMap(({ user, number, error }) =>
    error === undefined ? [] : `${user} ${String(number)}: ${error}`,
  );

/** Milliseconds since the epoch, as the app tells them. */
const nowMs = (): number => performance.timeOrigin + performance.now();

/** Both links carry 25 MB/s: an upload is under way long enough to be cut. */
function narrowLab(): LabFile {
  const file = parse(template) as LabFile;
  const rate = '200mbit';
  const sites = file.spec.sites.map((site) => ({
    ...site,
    links: site.links.map((link) => (site.name === 'edge' ? { ...link, rate } : link)),
  }));
  return { ...file, spec: { sites } };
}

t.test('each request on the link of its user', async (t) => {
  const mesh = await Mesh.open({ lab: narrowLab() });
  t.teardown(() => mesh[Symbol.asyncDispose]());
  const { pod, lab, world } = mesh.sites;
  let first = 1;
  /** Whole loads, one after the other; no two give a request the same number. */
  const run = async (loads: readonly Load[]): Promise<readonly Answered[]> => {
    await using app = await App.start(pod, { target: entry, loads, first });
    first += 10_000;
    return await app.finished();
  };
  const mixed = (count: number): Load[] =>
    users.flatMap((user) => protocols.map((protocol) => ({ user, protocol, count, atATime: 2 })));

  t.test('three users by HTTP/1.1, HTTP/2 and gRPC over shared connections', async (t) => {
    const witnesses = await mesh.witnesses();
    const answered = await run(mixed(60));
    await witnesses.stop();
    t.equal(answered.length, 540);
    t.strictSame(failures(answered), []);
    t.strictSame(witnesses.astray(answered), []);
  });

  t.test('two hundred users over one HTTP/2 connection', async (t) => {
    const witnesses = await mesh.witnesses();
    const crowd = Array.from({ length: 198 }, (_, at) => `user-${String(at)}`);
    const loads = [...crowd, 'boss', 'minion'].map((user): Load => ({
      user,
      protocol: 'http2',
      count: 5,
    }));
    const answered = await run(loads);
    await witnesses.stop();
    t.equal(answered.length, 1_000);
    t.strictSame(failures(answered), []);
    t.strictSame(witnesses.astray(answered), []);
  });

  t.test('the link is cut in the middle of an upload of 100 MB', async (t) => {
    const witnesses = await mesh.witnesses();
    const upload = run([{ user: 'boss', protocol: 'http1', count: 1, bytes: 100_000_000 }]);
    const sent = async (link: string): Promise<number> => (await lab.counters(link)).txBytes;
    const before = await sent('edge/wan0');
    while ((await sent('edge/wan0')) - before < 30_000_000) await sleep(50);
    await lab.set('edge/wan0', { down: true });
    const answered = await upload;
    t.strictSame(failures(answered), [], 'its digest is right');
    t.strictSame(
      answered.map((one) => witnesses.linksOf(one)),
      [['fibre', 'lte']],
    );
    await lab.set('edge/wan0', { up: true });
    await witnesses.stop();
  });

  t.test('requests go on while the link is cut and back', async (t) => {
    const witnesses = await mesh.witnesses();
    const loads = users.flatMap((user) =>
      protocols.map((protocol): Load => ({ user, protocol, perSecond: 20 })),
    );
    await using app = await App.start(pod, { target: entry, loads, first });
    first += 10_000;
    await sleep(700);
    await lab.set('edge/wan0', { down: true });
    await sleep(1_500);
    await lab.set('edge/wan0', { up: true });
    const upMs = nowMs();
    await until('the return of boss', () =>
      protocols.every((protocol) => {
        const own = app.answered.filter((one) => one.user === 'boss' && one.protocol === protocol);
        // A witness tells of a request a little later than the app.
        const seen = own.findLast((one) => one.atMs > upMs && witnesses.linksOf(one).length > 0);
        return seen !== undefined && witnesses.linksOf(seen).join() === 'fibre';
      }),
    );
    const backMs = nowMs();
    await sleep(700);
    const answered = await app.finish();
    await witnesses.stop();
    t.ok(answered.length > 400, `${String(answered.length)} requests`);
    t.strictSame(failures(answered), []);
    const after = answered.filter(({ atMs }) => atMs > backMs);
    t.ok(after.length > 0, `${String(after.length)} after the return`);
    t.strictSame(witnesses.astray(after), [], 'back on their links');
    const others = answered.filter(({ user }) => user !== 'boss');
    t.strictSame(witnesses.astray(others), [], 'the others never left theirs');
  });

  t.test('Envoy is killed, and starts again without the interface of a class', async (t) => {
    // It would ask for its wire again.
    await world.player('client').end('SIGKILL');
    await pod.exec('ip', 'link', 'set', 'nsm-low', 'down');
    await mesh.sidecar.restart();
    const witnesses = await mesh.witnesses();
    const answered = await run(mixed(10));
    await witnesses.stop();
    t.strictSame(failures(answered), []);
    const links = new Set(answered.map((one) => witnesses.linksOf(one).join()));
    t.strictSame([...links], ['lte'], 'its fallback carries its requests');
  });
});
