// SPDX-License-Identifier: Apache-2.0
// Over the real operator's socket.
import t, { type Test } from 'tap';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock as clock } from '../../api/chain/clock.js';
import { silentLogger } from '../../api/log/log.js';
import { serveOperator, type OperatorSocket } from '../../forwarder/operator/server.js';
import { RecordingOperator } from '../../test/doubles/operator.js';
import type { LinkFigures } from './link-labels.js';
import { watchLinks } from './link-watch.js';

const log = silentLogger();
const fibre = { name: 'fibre', state: 'up', rttMs: 20, jitterMs: 1, lossPercent: null } as const;

function folderOf(t: Test): string {
  // `t.testdir()` is too deep for the 107 bytes of a socket's path.
  const folder = mkdtempSync(join(tmpdir(), 'ww-links-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 10));
}

t.test('what is so, what changes, and again where the forwarder was away', async (t) => {
  const path = join(folderOf(t), 'operator.sock');
  const heard: (readonly LinkFigures[])[] = [];
  const told = (links: readonly LinkFigures[]): void => void heard.push(links);
  const watch = watchLinks({ socket: path, told, clock, log });
  t.teardown(() => watch[Symbol.dispose]());

  const serve = async (): Promise<[RecordingOperator, OperatorSocket]> => {
    const operator = new RecordingOperator();
    return [operator, await serveOperator({ operator, path, log })];
  };
  const [first, socket] = await serve();
  await until(() => heard.length === 1);
  t.strictSame(heard, [[]]);
  for (const follow of first.linkFollowers) follow({ at: 1, links: [fibre] });
  await until(() => heard.length === 2);
  t.match(heard[1], [{ name: 'fibre', state: 'up', rttMs: 20, lossPercent: null }]);
  await socket.close();
  t.equal(first.linkFollowers.size, 0);

  const [second, again] = await serve();
  await until(() => heard.length === 3);
  watch[Symbol.dispose]();
  await until(() => second.linkFollowers.size === 0);
  await again.close();
});
