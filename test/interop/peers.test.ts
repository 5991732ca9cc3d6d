// SPDX-License-Identifier: Apache-2.0
/**
 * NSM's own client, manager, registry and endpoint with our forwarder: every pairing of ours and
 * theirs, with a SPIRE agent and with our own Workload API. Needs `WANWIRE_PEERS`; docs/interop.md.
 */
// Alone: eight stages of seven processes each.
import t from 'tap';
import { World } from '../../lab/world.js';
import { command } from '../stage/command.js';
import { groups, pairings } from './cast.js';
import { Judge, noJudge } from './judge.js';
import { life } from './pairings.js';
import { missing, nsm, spire } from './programs.js';
import { startAuthority } from './authority.js';
import { startSpire } from './spire.js';

t.setTimeout(1_200_000);

const agents = {
  'our Workload API': { needs: nsm, start: startAuthority },
  'a SPIRE agent': { needs: [...nsm, ...spire], start: startSpire },
};

for (const [which, { needs, start }] of Object.entries(agents)) {
  const skip = noJudge() ?? missing(needs);
  await t.test(`with ${which}`, { skip }, async (t) => {
    await using world = await World.open(command());
    const agent = await start(world, groups);
    // As one of the cast: of a group that the agent knows.
    await using judge = await Judge.open(groups.get('judge'));
    await judge.ask('identity', { name: 'judge', socket: agent, timeoutMs: 30_000 });
    for (const payload of ['IP', 'ETHERNET'] as const)
      for (const pairing of pairings) {
        const who = `client ${pairing.client}, manager ${pairing.manager}, endpoint ${pairing.endpoint}`;
        await t.test(`${payload}: ${who}`, async (t) => {
          await life(t, { judge, identity: 'judge', agent, pairing, payload, lifetime: '25s' });
        });
      }
  });
}
