// SPDX-License-Identifier: Apache-2.0
/** `wanwire replay`: recorded samples judged again, by another policy. */
import { Command } from 'commander';
import { readSiteFiles } from '../api/site/read.js';
import type { JournalRecord } from '../forwarder/quality/journal-record.js';
import { replay } from '../forwarder/quality/replay.js';
import { paint } from './paint.js';
import { answer } from './plane/answer.js';
import { loadPolicies } from './policy/load.js';
import { compare, datedOf, recordedOf } from './replay/compare.js';
import { unknownLinks, withRules, type OtherRules } from './replay/other-rules.js';
import { readRecording } from './replay/recording.js';
import { replayJson, replayLines, type Comparison } from './replay/view.js';

interface Options {
  readonly policy?: readonly string[];
  readonly file?: readonly string[];
  readonly json?: boolean;
}

/** The subcommand. */
export function command(): Command {
  const collect = (path: string, before: readonly string[] = []) => [...before, path];
  return new Command('replay')
    .description(
      'What another policy would have decided: the samples of a recording are judged again, with its ' +
        'SLAs. Needs no forwarder, no root. Without --policy and --file, as it was recorded.',
    )
    .argument('<recorded.json>', 'what wanwire events --json printed; or the same in a JSON array')
    .option('--policy <new.yaml>', 'the policies whose SLAs count', collect)
    .option('-f, --file <site.yaml>', 'the site whose links’ profile and quality count', collect)
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  sudo wanwire events --since 1d --json > recorded.json\n' +
        '  wanwire replay recorded.json --policy new.yaml\n' +
        '  wanwire replay recorded.json -f site.yaml --json | jq .replayed.strands\n',
    )
    .action((recording: string, options: Options) => answer(() => tell(recording, options)));
}

async function tell(path: string, { policy, file, json = false }: Options): Promise<void> {
  const records = await readRecording(path);
  const loaded = policy && (await loadPolicies(policy));
  const site = file === undefined ? loaded?.site : (await readSiteFiles(file)).site;
  const rules: OtherRules = { policies: loaded?.policies, site };
  const missing = site === undefined ? [] : unknownLinks(records, site);
  if (missing.length > 0) {
    const text = `${missing.join(', ')}: not a link of site ${site?.name ?? ''}, so as recorded`;
    process.stderr.write(`wanwire: ${text}\n`);
  }
  const noSla = loaded?.policies.every(({ classes }) => classes.every(({ sla }) => !sla)) ?? false;
  if (noSla) {
    process.stderr.write(`wanwire: no class of ${policy?.join(', ') ?? ''} has an sla\n`);
  }
  const comparison = comparisonOf(records, rules, rulesText(policy, file));
  const style = paint(process.stdout);
  const lines = json ? [JSON.stringify(replayJson(comparison))] : replayLines(style, comparison);
  process.stdout.write(`${lines.join('\n')}\n`);
}

function comparisonOf(
  records: readonly JournalRecord[],
  rules: OtherRules,
  text: string,
): Comparison {
  const before = replay(records);
  const after = replay(withRules(records, rules));
  const recorded = recordedOf(records);
  const replayed = datedOf(after.events, records);
  const times = records.flatMap(({ type, wallMs }) => (type === 'sample' ? [wallMs] : []));
  return {
    rows: compare(recorded, replayed),
    recorded,
    replayed,
    before: before.summary,
    after: after.summary,
    fromMs: times[0] ?? 0,
    toMs: times.at(-1) ?? 0,
    rules: text,
  };
}

function rulesText(policy: readonly string[] | undefined, file: readonly string[] | undefined) {
  const parts = [
    policy === undefined ? '' : `the policy of ${policy.join(', ')}`,
    file === undefined ? '' : `the links of ${file.join(', ')}`,
  ].filter(Boolean);
  return parts.length === 0 ? 'the same rules' : parts.join(' and ');
}
