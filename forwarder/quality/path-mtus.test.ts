// SPDX-License-Identifier: Apache-2.0
/** Many strands, and what of their large probes stands in the maps. */
import { constants } from 'node:os';
import t from 'tap';
import { large as layout, sentStates, type Large } from '../../bpf/loader/layout.js';
import { PathMtus } from './path-mtus.js';
import type { StrandSample } from './sample.js';
import type { WatchedStrand } from './watched.js';

const config = { name: 'fibre', billing: 'flat' };
const strandOf = (id: number): WatchedStrand =>
  ({
    ...{ id, name: `fibre-${String(id)}`, peerName: 'cloud', isProbed: true, mtu: 1450 },
    ...{ local: '192.0.2.1', remote: `198.51.100.${String(id)}`, link: { config } },
  }) as unknown as WatchedStrand;
const sampleOf = (strand: number, atMs: number): StrandSample =>
  ({
    ...{ strand, atMs, silent: false, hardDown: false, idle: false },
    ...{ srttMs: 20, rttvarMs: 1, answeredAgoMs: 10 },
  }) as StrandSample;

/** Looks every 100 ms at strands whose large probes become what `becomes` says. */
class Stage {
  readonly large = new Map<number, Partial<Large>>();
  readonly limits = new Map<number, number | undefined>();
  /** Of the newest look. */
  asked: number[] = [];
  becomes: (id: number, bytes: number) => Partial<Large> | undefined = () => ({
    state: sentStates.answered,
  });
  sample: (id: number, atMs: number) => StrandSample = sampleOf;
  readonly paths: PathMtus;
  #number = 0;
  #nowMs = 1_000;

  constructor() {
    this.paths = new PathMtus({
      words: {
        askLarge: (id, bytes) => {
          this.asked.push(id);
          const became = this.becomes(id, bytes);
          const seq = ++this.#number;
          const sent = { seq, sent_ns: BigInt(this.#nowMs) * 1_000_000n };
          if (became !== undefined) this.large.set(id, { ...sent, ...became });
          return seq;
        },
        large: (id) => layout.decode(layout.encode(this.large.get(id) ?? {})),
      },
      peers: { mtu: () => 1450, limit: (id, mtu) => void this.limits.set(id, mtu) },
    });
  }

  look(strands: readonly WatchedStrand[]) {
    this.asked = [];
    this.#nowMs += 100;
    const samples = strands.map(({ id }) => this.sample(id, this.#nowMs));
    const judged = { states: new Map(), frozen: false };
    return this.paths.step(BigInt(this.#nowMs) * 1_000_000n, strands, samples, judged);
  }
}

t.test('sixty strands of a link ask two at a time, and each has its turn', (t) => {
  const stage = new Stage();
  const strands = Array.from({ length: 60 }, (_, at) => strandOf(at + 1));
  const times = new Map<number, number>();
  for (let look = 0; look < 200; look++) {
    stage.look(strands);
    if (stage.asked.length > 2) t.fail(`${String(stage.asked.length)} at once`);
    for (const id of stage.asked) times.set(id, (times.get(id) ?? 0) + 1);
  }
  t.equal(times.size, 60);
  const all = [...times.values()];
  t.ok(Math.min(...all) >= 3, `in twenty seconds each ${String(Math.min(...all))} times at least`);
  t.ok(strands.every(({ id }) => stage.paths.state(id)?.isProbed));
  t.end();
});

t.test('what the kernel refuses is found at once', (t) => {
  const stage = new Stage();
  stage.becomes = (_id, bytes) =>
    bytes > 1_422
      ? { state: sentStates.lost, error: constants.errno.EMSGSIZE }
      : { state: sentStates.answered };
  const events = Array.from({ length: 20 }, () => stage.look([strandOf(1)])).flat();
  const mtu = stage.limits.get(1) ?? 0;
  t.ok(mtu > 1_392 && mtu <= 1_400, String(mtu));
  t.match(events, [{ kind: 'mtu', strand: 1, mtu: { from: 1_450, to: mtu } }]);
  t.end();
});

t.test('where nothing can be known, devices are believed', (t) => {
  const nothings: readonly ((stage: Stage) => WatchedStrand)[] = [
    // A prober that knows no large probes.
    (stage) => {
      stage.becomes = () => undefined;
      return strandOf(1);
    },
    // Large ones cannot be sent for another reason.
    (stage) => {
      stage.becomes = () => ({ state: sentStates.lost, error: constants.errno.ENOBUFS });
      return strandOf(1);
    },
    // They wait for an answer, and usual ones are not answered either.
    (stage) => {
      stage.becomes = () => ({ state: sentStates.underWay });
      stage.sample = (id, atMs) => ({ ...sampleOf(id, atMs), answeredAgoMs: atMs });
      return strandOf(1);
    },
    // Nobody ever answered anything.
    (stage) => {
      stage.sample = (id, atMs) => ({ ...sampleOf(id, atMs), answeredAgoMs: undefined });
      return strandOf(1);
    },
    () => ({ ...strandOf(1), isProbed: false }),
  ];
  for (const nothing of nothings) {
    const stage = new Stage();
    const strand = nothing(stage);
    for (let look = 0; look < 300; look++) t.strictSame(stage.look([strand]), []);
    t.equal(stage.limits.get(1), undefined);
    t.notOk(stage.paths.state(1)?.isProbed);
  }
  t.end();
});
