// SPDX-License-Identifier: Apache-2.0
/** An explanation as a page. */
import { dscpText } from '../../api/site/traffic.js';
import type { Paint } from '../paint.js';
import { tableLines } from '../plane/lines.js';
import { columns, printable } from '../table.js';
import type { Candidate } from './candidates.js';
import type { Answer, Explanation } from './explanation.js';
import type { HttpAnswer } from './http.js';
import type { Explained } from './run.js';

/** Its lines. With `all` also the rules that do not fit. */
export function explainedLines(style: Paint, found: Explained, all: boolean): string[] {
  const { candidates, http, notes } = found;
  const parts = [
    [...headLines(style, found), ...(http === null ? [] : httpLines(http))],
    ruleLines(style, found, all),
    candidateLines(style, candidates),
    [...cacheLines(found), answerLine(style, found), ...programLines(style, found)],
    notes.map((note) => style.dim(printable(note))),
  ];
  return parts
    .filter((lines) => lines.length > 0)
    .flatMap((lines, at) => (at === 0 ? lines : ['', ...lines]));
}

function headLines({ bold }: Paint, { packet, wire }: Explanation): string[] {
  const { protocol, source, destination, dscp, assumed } = packet;
  const where = wire.leader ? 'leads' : 'follows';
  const facts = [wire.client, `service ${wire.service}`, wire.interface, `to ${wire.peer}`, where];
  const port = assumed ? ' (any source port)' : '';
  return [
    bold(`${protocol} ${source} > ${destination} dscp ${dscp}`) + port,
    `wire ${printable(wire.id)}: ${facts.map(printable).join(', ')}`,
  ];
}

function httpLines({ rule, match, class: of, mark, otherwise, wire }: HttpAnswer): string[] {
  if (rule === null || of === null) {
    return ['http: no rule fits: Envoy takes its default cluster, and the packet is compared'];
  }
  const none = `the client has no wire of class ${of}`;
  const way =
    wire === null
      ? `${none}: ${otherwise === 'refused' ? 'it is strict, so Envoy answers 503' : 'Envoy takes its default cluster'}`
      : wire.class === of
        ? `Envoy takes the cluster of class ${of}, by ${wire.interface}`
        : `${none}: Envoy takes that of its fallback ${wire.class}, by ${wire.interface}`;
  const marked = mark === null ? '' : `, and marks it with dscp ${dscpText(mark)}`;
  return [`http: rule ${rule} is the first that fits (${match}); ${way}${marked}`].map(printable);
}

function ruleLines({ bold, dim }: Paint, found: Explanation, all: boolean): string[] {
  const { rules, policy, generation, answer } = found;
  const name = policy.name === '' ? 'no policy is for this service' : `policy ${policy.name}`;
  const shown = rules.filter(({ why }) => all || why === null);
  const { line } = columns(shown.map(({ rule, why, match }) => [rule, why ?? 'fits', match]));
  const rows = shown.map(({ rule, why, match }) => {
    const text = `  ${line([rule, why ?? 'fits', match].map(printable))}`;
    return why === null ? text : dim(text);
  });
  const before = rules.filter(({ why }) => why !== null).length;
  const skipped = all || before === 0 ? '' : ` (${String(before)} before do not: --all tells why)`;
  const fits = rules.at(-1)?.why === null;
  const last = fits ? `rule ${rules.at(-1)?.rule ?? ''} is the first that fits` : 'no rule fits';
  const of = answer.class ?? 'none';
  return [
    `${printable(name)}, generation ${String(generation)}`,
    ...rows,
    `class ${bold(printable(of))}: ${printable(last)}${fits ? '' : ', so the default'}${skipped}`,
  ];
}

function candidateLines(style: Paint, candidates: readonly Candidate[]): string[] {
  const lines = tableLines(
    candidates,
    [
      { title: 'LEVEL', right: true, text: ({ level }) => String(level) },
      { title: 'LINKS OF', text: ({ of }) => of ?? '-' },
      { title: 'STRAND', text: ({ strand }) => strand },
      { title: 'LINK', text: ({ link }) => link },
      { title: 'SHARE', right: true, text: (one) => `${String(one.sharePercent)} %` },
      { title: 'STATE', text: stateText },
      { title: 'CHOSEN', text: ({ chosen }) => (chosen ? 'this one' : '') },
    ],
    style,
    ({ state, chosen }) => (state === 'down' ? style.red : chosen ? style.green : String),
  );
  return lines.length > 0 ? lines : ['no strand: none leads to the peer by a link of this class'];
}

function stateText({ state, down }: Candidate): string {
  return down.length === 0 ? state : `${state}: ${down.join(', ')}`;
}

function cacheLines({ pin, session }: Explanation): string[] {
  const pinned =
    pin === null
      ? []
      : [
          `pinned to ${pin.strand}${pin.usable ? '' : ', which cannot be used: the policy chooses'}`,
        ];
  if (session === null) return [...pinned, 'no cached session'];
  const { strand, learned, current, ended } = session;
  const state = ended
    ? ', whose connection is over: the next one begins anew'
    : learned
      ? ', learned of the other side'
      : current
        ? ''
        : ', of tables that are in force no more: its next packet is decided anew';
  return [...pinned, `cached session on ${strand}${state}`].map(printable);
}

function answerLine({ bold, red }: Paint, { answer, by, slot }: Explanation): string {
  if (answer.drop !== null) return `${red('dropped')}: ${dropText(answer.drop)}`;
  const passed =
    slot === null || slot.passed === 0 ? '' : `, ${String(slot.passed)} slots passed over`;
  const why = {
    pin: 'pinned',
    session: 'as its cached session',
    learned: 'where the other side sent',
    home: 'where its session began: well again, sessions come back one by one',
    slot: `slot ${String(slot?.number ?? 0)} of 64${passed}`,
    none: '',
  }[by];
  const mark = answer.mark === null ? '' : `, outer DSCP ${answer.mark}`;
  return `strand ${bold(printable(answer.strand ?? '-'))}, link ${bold(printable(answer.link ?? '-'))}: ${why}${mark}`;
}

function dropText(drop: NonNullable<Answer['drop']>): string {
  if (drop === 'no-strand') return 'no-strand: no strand that the class permits can be used';
  return drop === 'no-policy' ? 'no-policy: there are no tables for it yet' : drop;
}

function programLines({ green, red, bold }: Paint, found: Explanation): string[] {
  const { program, differences } = found;
  if (program === null) return [];
  const name = `program wire_tx (id ${String(program.id)}, tag ${program.tag})`;
  if (differences.length === 0) return [`${name}: ${green('the same')}`];
  return [
    `${name}: ${bold(red('ANOTHER ANSWER'))}`,
    ...differences.map((one) => red(`  ${printable(one)}`)),
    red('  What the tables say and what packets meet is not the same: please report this.'),
  ];
}
