// SPDX-License-Identifier: Apache-2.0
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { NotSupportedError } from '../../api/errors/not-supported-error.js';
import { silentLogger } from '../../api/log/log.js';
import { Gateway } from './gateway.js';
import { refusal, type Nft } from './nft.js';
import type { GatewayWish } from './wish.js';

/** No family: nothing of the machine that runs the test is changed. */
const wish = (routes: readonly string[] = []): GatewayWish => ({ prefixes: [], nat: true, routes });

/** nftables that has one table, and counts. */
class FakeNft implements Nft {
  comment: string | undefined;
  scripts: string[] = [];
  looks = 0;
  refuses: Error | undefined;

  apply(script: string): Promise<void> {
    this.scripts.push(script);
    if (this.refuses !== undefined) return Promise.reject(this.refuses);
    this.comment = /comment "(.*)"/.exec(script)?.[1];
    return Promise.resolve();
  }

  commentOf(): Promise<string | undefined> {
    this.looks++;
    return this.refuses === undefined
      ? Promise.resolve(this.comment)
      : Promise.reject(this.refuses);
  }
}

const gatewayOn = (nft: Nft) => new Gateway({ log: silentLogger(), forwarder: 'f', nft });

t.test('a hundred wires at once make one run, the same again none', async (t) => {
  const nft = new FakeNft();
  const gateway = gatewayOn(nft);
  const ids = Array.from({ length: 100 }, (_, n) => `wire-${String(n)}`);
  await Promise.all(ids.map((id) => gateway.hold(id, wish())));
  t.equal(nft.scripts.length, 1);
  await gateway.hold('wire-1', wish());
  await gateway.hold('wire-101', wish());
  t.equal(nft.scripts.length, 1);
  t.equal(nft.looks, 1, 'and nobody looks');
});

t.test('wires that come at once share a refusal, too', async (t) => {
  const nft = new FakeNft();
  nft.refuses = new Error('busy');
  const gateway = gatewayOn(nft);
  const ids = Array.from({ length: 100 }, (_, n) => `wire-${String(n)}`);
  const settled = await Promise.allSettled(ids.map((id) => gateway.hold(id, wish([id]))));
  t.ok(settled.every(({ status }) => status === 'rejected'));
  t.equal(nft.looks, 1);
});

t.test('the table is there while any wire wishes it', async (t) => {
  const nft = new FakeNft();
  const gateway = gatewayOn(nft);
  await gateway.hold('a', wish());
  await gateway.hold('b', wish());
  await gateway.release('a');
  t.type(nft.comment, 'string');
  t.equal(nft.scripts.length, 1);
  await gateway.release('b');
  t.equal(nft.comment, undefined);
  await gateway.release('b');
  await gateway.release('never held');
  t.equal(nft.scripts.length, 2);
});

t.test(
  'found as it should be after a crash: nothing is run; as nobody wishes it: removed',
  async (t) => {
    const nft = new FakeNft();
    await gatewayOn(nft).hold('a', wish());
    const again = gatewayOn(nft);
    await Promise.all([again.hold('a', wish()), again.settle()]);
    t.equal(nft.scripts.length, 1);
    await gatewayOn(nft).settle();
    t.equal(nft.scripts.length, 2);
    t.equal(nft.comment, undefined);
  },
);

t.test('without nft: told by its package, and no obstacle to taking the wish back', async (t) => {
  const nft = new FakeNft();
  nft.refuses = new NotSupportedError('the program nft', '5.2', 'the package nftables');
  const gateway = gatewayOn(nft);
  await t.rejects(gateway.hold('a', wish()), {
    code: status.FAILED_PRECONDITION,
    message: 'the program nft is missing: needs the package nftables',
  });
  await gateway.release('a');
  await gateway.settle();
});

t.test('what was refused is tried again at the next wish', async (t) => {
  const nft = new FakeNft();
  nft.refuses = new Error('busy');
  const gateway = gatewayOn(nft);
  await t.rejects(gateway.hold('a', wish()), { message: 'busy' });
  nft.refuses = undefined;
  await gateway.hold('a', wish());
  t.type(nft.comment, 'string');

  nft.refuses = new Error('busy');
  await t.rejects(gateway.hold('b', wish(['10.0.0.0/8'])), { message: 'busy' });
  nft.refuses = undefined;
  nft.comment = 'half of it';
  await gateway.release('b');
  t.not(nft.comment, 'half of it', 'also when the old wish is back');
});

t.test("nft's refusals", async (t) => {
  t.match(refusal('/dev/stdin:3:1-2: Error: Could not process rule: No such file or directory\n'), {
    name: 'NotSupportedError',
    message: /^NAT by nftables is missing: needs Linux 5\.2 or later with NF_TABLES_INET/,
  });
  t.match(refusal('Error: Could not process rule: Operation not permitted'), {
    code: status.PERMISSION_DENIED,
  });
  t.match(refusal('Error: syntax error'), { code: status.INTERNAL, message: /syntax error/ });
});
