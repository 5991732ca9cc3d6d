// SPDX-License-Identifier: Apache-2.0
/** `wanwire demo mesh`: the stage, the story, and what is left of it: nothing but a report. */
import { findEnvoy } from '../../envoy/find.js';
import { Sites } from '../sites.js';
import { unlessStopped } from '../unless-stopped.js';
import { Cast } from './cast.js';
import { meshLab } from './files.js';
import { writeReport } from './report.js';
import { hints, stay } from './stay.js';
import { introduce, story } from './story.js';
import { toldToMachines, toldToPeople, type Told } from './told.js';

/** How it is told. */
export interface MeshOptions {
  /** The built command. */
  readonly wanwire: string;
  readonly signal: AbortSignal;
  readonly stay: boolean;
  readonly json: boolean;
  /** Where a report goes. */
  readonly report?: string;
  /** How long each act looks. */
  readonly seconds: number;
}

/** See the head of this file. */
export async function playMesh(options: MeshOptions): Promise<void> {
  const { wanwire, signal, json } = options;
  const envoy = findEnvoy();
  if (envoy === undefined) throw new Error(withoutEnvoy);
  const told = json ? toldToMachines(process.stdout) : toldToPeople(process.stdout);
  const sites = await Sites.open(wanwire, signal, meshLab());
  const opening = Cast.open(sites, envoy);
  try {
    introduce(told);
    const cast = await unlessStopped(opening, signal);
    await unlessStopped(act(cast, options, told), signal);
  } finally {
    // Who is still entering, when it is stopped, fails without a lab.
    await sites[Symbol.asyncDispose]();
    await opening.then((cast) => cast[Symbol.asyncDispose]()).catch(() => undefined);
  }
  sites.mustBeGone();
  told.screen.row('left', 'nothing: no process, network namespace, folder or pinned program');
}

const withoutEnvoy =
  'there is no Envoy on this machine. `npm run setup` installs one beside wanwire; ' +
  'or name your own: WANWIRE_ENVOY=/path/to/envoy (1.30 or later)';

async function act(cast: Cast, options: MeshOptions, told: Told): Promise<void> {
  const { signal, seconds, report, json } = options;
  const { stdout } = process;
  const live = json ? undefined : stdout;
  const load = await cast.load();
  const seen = await story({ cast, load, told, seconds, signal, live });
  if (report !== undefined) {
    const written = await writeReport(report, seen, load.answered);
    told.screen.row('report', ...written);
  }
  if (!options.stay) return;
  const more = await cast.load(1_000_000);
  hints(told.screen, options.wanwire, cast);
  await stay(told.screen, cast, more, live, signal);
}
