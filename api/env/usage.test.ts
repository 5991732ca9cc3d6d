// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { duration } from './duration.js';
import { distance, nearest } from './nearest.js';
import { oneOf, text } from './text.js';
import { helpTable, markdownTable } from './usage.js';

const table = {
  NSM_NAME: text({ required: true, description: 'Its name.' }),
  NSM_TIME: duration({
    default: '5s',
    description: 'How long to wait for a peer that does not answer.',
  }),
  NSM_POLICY: oneOf('a|b', 'c')({ default: 'c', description: 'Which.', unused: 'it comes later' }),
  NSM_TEXT: text({ default: '', description: 'Any.' }),
  NSM_MAYBE: text({ description: 'Perhaps.' }),
};

t.test('help for a terminal', (t) => {
  t.equal(
    helpTable(table, 50),
    `  NSM_NAME (required)
      Its name. Value: text.
  NSM_TIME (5s)
      How long to wait for a peer that does not
      answer. Value: a duration such as 5s, 200ms,
      1h30m.
  NSM_POLICY (c)
      Which. Accepted and not used: it comes
      later. Value: a|b or c.
  NSM_TEXT
      Any. Value: text.
  NSM_MAYBE
      Perhaps. Value: text.`,
  );
  t.end();
});

t.test('Markdown for the docs', (t) => {
  t.equal(
    markdownTable(table),
    `| Variable | Default | Value | Meaning |
| --- | --- | --- | --- |
| \`NSM_NAME\` | *required* | text | Its name. |
| \`NSM_TIME\` | \`5s\` | a duration such as 5s, 200ms, 1h30m | How long to wait for a peer that does not answer. |
| \`NSM_POLICY\` | \`c\` | a\\|b or c | Which. Accepted and not used: it comes later. |
| \`NSM_TEXT\` | *empty* | text | Any. |
| \`NSM_MAYBE\` |  | text | Perhaps. |`,
  );
  t.end();
});

t.test('distance counts letters', (t) => {
  t.equal(distance('', 'abc'), 3);
  t.equal(distance('abc', ''), 3);
  t.equal(distance('kitten', 'sitting'), 3);
  t.equal(distance('same', 'same'), 0);
  t.end();
});

t.test('the nearest name, unless it is another word', (t) => {
  t.equal(nearest('NSM_LABLES', ['NSM_NAME', 'NSM_LABELS']), 'NSM_LABELS');
  t.equal(nearest('WANWIRE_HOLD', ['NSM_NAME']), undefined);
  t.equal(nearest('x', []), undefined);
  t.end();
});
