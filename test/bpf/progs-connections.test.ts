// SPDX-License-Identifier: Apache-2.0
/** Real TCP connections from end to end: both sides tell of them, and no link is inherited. */
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { downReasons, eventKinds, sessionFlags } from '../../bpf/loader/layout.js';
import { hear, type Hearing } from './hearing.js';
import { protocols } from './packets.js';
import { inner, twoNodes, type Side } from './two-nodes.js';

const { create, move, close } = eventKinds;
const { finOut, finIn, reset, learned } = sessionFlags;
const port = 8000;

/** Says hello and ends, or resets where it is asked to. */
const server = `
require('node:net').createServer((socket) => {
  socket.on('error', () => {}).once('data', (asked) => {
    if (String(asked) === 'reset') socket.resetAndDestroy();
    else socket.end('hello');
  });
}).listen(${String(port)}, '::', () => console.log('listening'));`;

/** One connection from a port of its own, until the other side is done with it. */
const client = `
const [host, localPort, text] = process.argv.slice(1);
const socket = require("node:net").connect({ host, port: ${String(port)}, localPort: Number(localPort) });
socket.on("connect", () => socket.write(text)).on("error", () => {}).resume();`;

async function serve(t: Test, { user }: Side): Promise<void> {
  const { stdout } = user.start(t, process.execPath, '-e', server);
  if (stdout) await once(stdout, 'data');
}

/** From one side's user to an address of the other's. */
function connect({ user }: Side, to: string, text: string): Promise<string> {
  return user.sh(`${process.execPath} -e '${client}' ${to} 40000 ${text}`);
}

/** Kind, strand and flags of the next TCP events. */
async function told(heard: Hearing, count: number): Promise<number[][]> {
  const found: number[][] = [];
  while (found.length < count) {
    const [{ protocol, kind, strand, flags } = { protocol: 0, kind: 0, strand: 0, flags: 0 }] =
      await heard.next(1);
    if (protocol === protocols.tcp) found.push([kind, strand, flags]);
  }
  return found;
}

t.test('begun, ended, reset, and begun again with the same ports', async (t) => {
  const { edge, cloud } = await twoNodes(t, 4);
  await serve(t, cloud);
  const [here, there] = [hear(t, edge.plane), hear(t, cloud.plane)];
  for (const family of [4, 6] as const) {
    // On the second link, which nothing would leave by itself.
    edge.plane.setDown(1, downReasons.carrier);
    await connect(edge, inner[family].server, 'hello');
    t.same(await told(here, 2), [
      [create, 2, 0],
      [close, 2, finOut | finIn],
    ]);
    t.same(await told(there, 2), [
      [create, 2, learned],
      [close, 2, learned | finOut | finIn],
    ]);
    edge.plane.setDown(1, 0);
    await connect(edge, inner[family].server, 'reset');
    t.same(await told(here, 2), [
      [create, 1, 0],
      [close, 1, reset],
    ]);
    t.same(await told(there, 2), [
      [create, 1, learned],
      [close, 1, learned | reset],
    ]);
  }
  const kinds = [...here.left, ...there.left].filter(({ protocol }) => protocol === protocols.tcp);
  t.same(kinds, []);
});

t.test('the server begins: each side forgets what was', async (t) => {
  const { edge, cloud } = await twoNodes(t, 4);
  await serve(t, edge);
  const [here, there] = [hear(t, edge.plane), hear(t, cloud.plane)];
  edge.plane.setDown(1, downReasons.carrier);
  await connect(cloud, inner[4].client, 'hello');
  // Its SYN goes by its own tables; the answer by ours, which it follows.
  t.same(await told(there, 3), [
    [create, 1, 0],
    [move, 2, learned],
    [close, 2, learned | finOut | finIn],
  ]);
  t.same(await told(here, 2), [
    [create, 2, 0],
    [close, 2, finOut | finIn],
  ]);
  edge.plane.setDown(1, 0);
  await connect(cloud, inner[4].client, 'hello');
  t.same(await told(here, 2), [
    [create, 1, 0],
    [close, 1, finOut | finIn],
  ]);
  t.match(await told(there, 2), [
    [create, 1, 0],
    [close, 1, learned | finOut | finIn],
  ]);
});
