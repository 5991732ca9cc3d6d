// SPDX-License-Identifier: Apache-2.0
// Files over three hops with real connections: a client, a hop between, an endpoint.
import t, { type Test } from 'tap';
import { closeSync, fstatSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { authority, svid, TestSource } from '../../test/doubles/certificates.js';
import { socketUrl } from '../../test/doubles/grpc-pair.js';
import { compose } from '../chain/compose.js';
import type { Call } from '../chain/call.js';
import { systemClock } from '../chain/clock.js';
import type { Chain, Step } from '../chain/element.js';
import { State } from '../chain/state.js';
import { Connection, type Mechanism } from '../gen/connection.js';
import type { Channels } from '../grpc/channel.js';
import { channels } from '../grpc/dial.js';
import { serve } from '../grpc/serve.js';
import { insecure, spiffe, type Security } from '../identity/security.js';
import { silentLogger } from '../log/log.js';
import { takeFile } from '../fdpass/take-file.js';
import { files } from './files.js';
import { kernel, kernelMechanism } from './kernel-mechanism.js';
import { nextHop, nextPeer } from './next-hop.js';
import { remote } from './remote.js';

const root = await authority('edge.test');
const bundles = new Map([['edge.test', [root.certificate]]]);
const openFiles = (): number => readdirSync('/proc/self/fd').length;
const log = silentLogger();

/** The URL of a folder: to descriptors it is as good as a namespace. */
function urlOf(path: string): string {
  const { dev, ino } = statSync(path, { bigint: true });
  return `inode://${String(dev)}/${String(ino)}`;
}

async function secured(name: string): Promise<Security> {
  return spiffe(new TestSource(await svid(root, `spiffe://edge.test/${name}`), bundles));
}

/** Ends a chain towards the next hop. */
function next(all: Channels, url: string, after?: Step): Chain {
  const way: Step = {
    kind: 'step',
    name: 'way',
    request(call, request, go) {
      call.state.set(nextHop, url);
      return go(call, request);
    },
    close(call) {
      call.state.set(nextHop, url);
      return Promise.resolve();
    },
  };
  return compose(files(), way, ...(after ? [after] : []), remote(all));
}

function callOf(): Call {
  const { signal } = new AbortController();
  const again = { request: () => Promise.resolve(), close: () => Promise.resolve() };
  const deadlineMs = Date.now() + 10_000;
  return { signal, deadlineMs, log, clock: systemClock, state: new State(), again };
}

interface Mesh {
  readonly client: Chain;
  /** What the endpoint, and the hop between, had open: device and inode. */
  readonly seen: Record<string, string | undefined>;
}

/** `own` is the client's file, `theirs` the endpoint's; both are folders. */
async function mesh(t: Test, own: string, theirs: string, isPlain = false): Promise<Mesh> {
  const seen: Mesh['seen'] = {};
  const note = (at: string, fd: number | undefined): void => {
    seen[at] = fd === undefined ? 'none' : urlOf(`/proc/self/fd/${String(fd)}`);
  };
  const dial = async (name: string): Promise<Channels> => {
    const security = isPlain ? insecure(name) : await secured(name);
    const all = channels({ security, dialTimeoutMs: 2_000, log });
    t.teardown(() => {
      all[Symbol.dispose]();
    });
    return all;
  };
  const listen = async (name: string, chain: Chain): Promise<string> => {
    const url = await socketUrl(t);
    const security = isPlain ? insecure(name) : await secured(name);
    const serving = await serve({ listenOn: [url], security, chain, log, clock: systemClock });
    t.teardown(() => serving.close(0));
    return url;
  };
  const endpoint: Chain = {
    request(call, { connection, mechanismPreferences }) {
      const [asked] = mechanismPreferences;
      note('endpoint', call.files?.get(asked?.parameters[kernel.inodeUrl] ?? ''));
      const mechanism = kernelMechanism({ [kernel.inodeUrl]: urlOf(theirs) });
      return Promise.resolve({ ...connection, mechanism });
    },
    close(call, { mechanism }) {
      note('close', call.files?.get(mechanism?.parameters[kernel.inodeUrl] ?? ''));
      return Promise.resolve();
    },
  };
  const last = files({ url: urlOf(theirs), path: theirs });
  const endpointUrl = await listen('endpoint', {
    request: (call, request) => last.request(call, request, endpoint.request),
    close: (call, connection) => last.close(call, connection, endpoint.close),
  });
  const between: Step = {
    kind: 'step',
    name: 'between',
    async request(call, request, go) {
      const answer = await go(call, request);
      const peer = call.state.get(nextPeer);
      const url = answer.mechanism?.parameters[kernel.inodeUrl] ?? '';
      const fd = peer && (await takeFile({ ...call, peer }, url));
      note('answer', fd);
      if (fd !== undefined) call.files?.set(url, fd);
      return answer;
    },
    close: () => Promise.resolve(),
  };
  const hopUrl = await listen('hop', next(await dial('hop'), endpointUrl, between));
  const client = compose(
    files({ url: urlOf(own), path: own }),
    {
      kind: 'step',
      name: 'way',
      request(call, request, go) {
        call.state.set(nextHop, hopUrl);
        return go(call, request);
      },
      close: () => Promise.resolve(),
    },
    remote(await dial('client')),
  );
  return { client, seen };
}

function wish(mechanism: Mechanism): { connection: Connection; mechanismPreferences: Mechanism[] } {
  const path = { index: 0, pathSegments: [{ name: 'client', id: 'c' }] };
  return {
    connection: Connection.fromPartial({ id: 'c', path }),
    mechanismPreferences: [mechanism],
  };
}

t.test('there with the Request and with Close, and back with the answer', async (t) => {
  const folder = t.testdir({ own: {}, theirs: {} });
  const [own, theirs] = [join(folder, 'own'), join(folder, 'theirs')];
  const { client, seen } = await mesh(t, own, theirs);
  const call = callOf();
  const mine = kernelMechanism({ [kernel.inodeUrl]: urlOf(own) });
  await client.request(call, wish(mine));
  t.same(seen, { endpoint: urlOf(own), answer: urlOf(theirs) });
  const back = await takeFile({ ...call, peer: call.state.get(nextPeer) }, urlOf(theirs));
  t.equal(fstatSync(back ?? -1).ino, statSync(theirs).ino, 'and all the way to the client');
  closeSync(back ?? -1);
  await client.close(call, { ...wish(mine).connection, mechanism: mine });
  t.equal(seen['close'], urlOf(own));
  const before = openFiles();
  for (let turn = 0; turn < 20; turn++) await client.request(call, wish(mine));
  t.ok(openFiles() <= before, 'no more with more Requests');
});

t.test('one that never comes is done without, after half a second', async (t) => {
  const folder = t.testdir({ own: {}, theirs: {} });
  const [own, theirs] = [join(folder, 'own'), join(folder, 'theirs')];
  const { client, seen } = await mesh(t, own, theirs);
  const call = callOf();
  await client.request(call, wish(kernelMechanism({ [kernel.inodeUrl]: 'inode://4/77' })));
  t.same(seen, { endpoint: 'none', answer: urlOf(theirs) });
  t.ok(Date.now() < call.deadlineMs, 'nobody waits for it as long as for an answer');
});

t.test('a path that is not what the URL says, and no TLS: none is sent', async (t) => {
  const folder = t.testdir({ own: {}, theirs: {} });
  const [own, theirs] = [join(folder, 'own'), join(folder, 'theirs')];
  symlinkSync(theirs, join(folder, 'other'));
  const wrong = files({ url: urlOf(own), path: join(folder, 'other') });
  const answer = await wrong.request(
    callOf(),
    wish(kernelMechanism({ [kernel.inodeUrl]: urlOf(own) })),
    (call, { connection }) => {
      t.equal(call.files?.get(urlOf(own)), undefined);
      return Promise.resolve(connection);
    },
  );
  t.equal(answer.id, 'c');
  const { client, seen } = await mesh(t, own, theirs, true);
  await client.request(callOf(), wish(kernelMechanism({ [kernel.inodeUrl]: urlOf(own) })));
  t.same(seen, { endpoint: 'none', answer: 'none' });
});
