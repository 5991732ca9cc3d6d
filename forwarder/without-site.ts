// SPDX-License-Identifier: Apache-2.0
/** The operator's socket of a forwarder whose site may come later: who asks for its wires finds them in the meantime, too. */
import { join } from 'node:path';
import { version } from '../api/version.js';
import { stateFolder } from './config.js';
import { serveOperator } from './operator/server.js';
import { Changes } from './operator/changes.js';
import { ToldWires } from './operator/wire-answer.js';
import { withoutSite } from './operator/without-site.js';
import type { WanOptions } from './wan.js';

/** Serve it; what ends it is added to `undo`. */
export async function serveWires(
  options: Pick<WanOptions, 'config' | 'events' | 'identityOf' | 'log' | 'undo'>,
): Promise<void> {
  const { config, events, identityOf, log, undo } = options;
  const peerOf = (): undefined => undefined;
  const changes = new Changes();
  const wires = new ToldWires({ events, identityOf, peerOf, changes });
  const operator = withoutSite({
    about: { name: config.NSM_NAME, site: '', version },
    wires: (unless) => wires.answer(unless),
    followChanges: (changed) => changes.follow(changed),
  });
  const path = join(stateFolder(config), 'operator.sock');
  const socket = await serveOperator({ operator, path, log });
  undo.push(() => socket.close());
}
