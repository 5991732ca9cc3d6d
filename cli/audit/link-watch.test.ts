// SPDX-License-Identifier: Apache-2.0
/** Links as they are found in maps, and when they could be used. */
import t from 'tap';
import * as layout from '../../bpf/loader/layout.js';
import { look } from '../../test/doubles/audited.js';
import { memoryMaps } from '../../test/doubles/memory-maps.js';
import { fillPlane, u32 } from '../../test/doubles/plane-fixture.js';
import { LinkBook, type Look } from './link-book.js';
import { LinkWatch } from './link-watch.js';

t.test('the state of each strand, at every look', async (t) => {
  const maps = memoryMaps();
  fillPlane(maps.map);
  const looks: Look[] = [];
  using watch = new LinkWatch({ maps: () => maps, onLook: (one) => looks.push(one) });
  const [strand] = [layout.strand.decode(maps.map('strands').lookup(u32(1)) ?? Buffer.alloc(0))];
  const down = { ...strand, down: layout.downReasons.operator };
  maps.map('strands').update(u32(1), layout.strand.encode(down));
  watch.look();
  for (const word of [{ silent: 1 }, { avoid: 4 }]) {
    maps.map('strands').update(u32(1), layout.strand.encode({ ...strand, ...word }));
    watch.look();
    t.notOk(looks.at(-1)?.strands.find(({ link }) => link === 'fibre')?.up, JSON.stringify(word));
  }
  const ups = looks.map(({ strands }) => strands.map(({ link, up }) => `${link} ${String(up)}`));
  t.strictSame(ups.at(0)?.sort(), ['fibre true', 'lte false', 'lte true']);
  t.strictSame(ups.at(-1)?.sort(), ['fibre false', 'lte false', 'lte true']);
  t.match(looks[0]?.links, [
    { name: 'fibre', class: 'low-latency' },
    { name: 'lte', class: 'best-effort' },
    { name: 'spare', class: 'bulk' },
  ]);
  t.ok(looks[0]?.strands.every(({ peer }) => peer === 'cloud-forwarder'));
});

t.test('a forwarder without maps is waited for', async (t) => {
  const looks: Look[] = [];
  using watch = new LinkWatch({
    maps: () => {
      throw new Error('not yet');
    },
    onLook: (one) => looks.push(one),
  });
  watch.look();
  t.strictSame(looks, []);
});

t.test('when a link could be used', async (t) => {
  const book = new LinkBook();
  for (let at = 1_000; at <= 5_000; at += 50) {
    book.add(look(at, ...(at >= 2_000 && at < 2_500 ? ['fibre'] : [])));
  }
  for (let at = 8_000; at <= 9_000; at += 50) book.add(look(at));
  const fibre = (from: number, to: number, peer = 'cloud-forwarder') =>
    book.usable(['fibre'], peer, from, to);
  t.equal(fibre(1_100, 1_900), 'yes');
  t.equal(fibre(1_900, 2_100), 'no', 'it goes down in it');
  t.equal(fibre(2_100, 2_200), 'no');
  t.equal(fibre(1_960, 1_990), 'no', 'it may have gone down after the look before');
  t.equal(fibre(2_600, 4_000), 'yes', 'it has come back');
  t.equal(fibre(2_460, 2_480), 'no', 'it may have come back before the next look');
  t.equal(fibre(4_900, 8_100), 'unknown', 'nobody looked meanwhile');
  t.equal(fibre(100, 200), 'unknown', 'nor before');
  t.equal(fibre(9_900, 9_950), 'unknown', 'nor after');
  t.equal(book.usable(['fibre', 'lte'], undefined, 2_100, 2_200), 'yes', 'the other one can');
  t.equal(fibre(1_100, 1_900, 'other'), 'no', 'it does not lead there');
  t.equal(book.usable(['dsl'], undefined, 1_100, 1_900), 'no');
  book.add({ ...look(9_050), strands: [] });
  t.equal(fibre(9_050, 9_050), 'no', 'a strand that is not there carries nothing');
  t.equal(book.peerOf('fibre-cloud/wan0'), 'cloud-forwarder');
});
