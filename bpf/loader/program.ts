// SPDX-License-Identifier: Apache-2.0
/** A loaded BPF program. */
import { addon, type ProgramHandle, type ProgramInfo } from './addon.js';
import { trying } from './refused.js';

/** How {@link Program.testRun} runs it. */
export interface TestRunOptions {
  /** How often; the packet is not restored in between. */
  readonly repeat?: number;
  /** The interface that the packet seems to come in by; the loopback one unless given. */
  readonly ifindex?: number;
  /** Bytes of the resulting packet to be returned; the packet's own length and 256 unless given. */
  readonly sizeOut?: number;
}

/** What {@link Program.testRun} found. */
export interface TestRunResult {
  /** What the program returned, such as 2 for TC_ACT_SHOT; signed. */
  readonly retval: number;
  readonly packet: Buffer;
  /** Of one run, on average. */
  readonly durationNs: number;
}

/** See the head of this file. */
export class Program implements Disposable {
  readonly #handle: ProgramHandle;
  readonly #info: ProgramInfo;

  /** Takes the handle over; for this folder only. */
  constructor(handle: ProgramHandle) {
    this.#handle = handle;
    this.#info = trying('ask for a program', () => addon.programInfo(handle));
  }

  /** Open a pinned program. */
  static open(pin: string): Program {
    return new Program(trying(`open program ${pin}`, () => addon.openProgram(pin)));
  }

  /** 16 hexadecimal digits: the same instructions give the same. */
  get tag(): string {
    return this.#info.tag;
  }
  get id(): number {
    return this.#info.id;
  }
  /** At most 15 characters of it: the kernel keeps no more. */
  get name(): string {
    return this.#info.name;
  }
  /** For this folder only. */
  get handle(): ProgramHandle {
    return this.#handle;
  }

  /** Keep it in a bpffs. */
  pin(path: string): void {
    trying(`pin program ${this.name} to ${path}`, () => {
      addon.pin(this.#handle, path);
    });
  }

  /** Run it once (or more) on a packet that goes nowhere; maps are changed. */
  testRun(packet: Uint8Array, options: TestRunOptions = {}): TestRunResult {
    const { repeat = 1, ifindex = 0, sizeOut = packet.length + 256 } = options;
    const [retval, out, durationNs] = trying(`test program ${this.name}`, () =>
      addon.testRun(this.#handle, packet, repeat, ifindex, sizeOut),
    );
    return { retval, packet: out, durationNs };
  }

  /** Close; what is pinned or attached stays. Twice does nothing. */
  [Symbol.dispose](): void {
    addon.close(this.#handle);
  }
}
