// SPDX-License-Identifier: Apache-2.0
/**
 * Tells when a network namespace dies, without holding it.
 *
 * While a Request has a namespace open, it is given a number (nsid) in our own
 * namespace; the kernel tells its death by that number (RTM_DELNSID). Where
 * news were lost, every number is asked for again.
 */
import type { Logger } from '../../api/log/log.js';
import { listen } from '../../bpf/netns/listen.js';
import { Netns } from '../../bpf/netns/netns.js';
import { decode, encode, type Answer } from '../links/batch.js';
import { AttrStream, MessageType, parseAttributes, parseMessages } from '../links/codec.js';
import { flags, type Message } from '../links/message.js';

const attribute = { nsid: 1, fd: 3 };
const group = 1 << (28 - 1); // RTNLGRP_NSID
const headLength = 4; // struct rtgenmsg, padded
const delNsid: number = MessageType.DELNSID;

/** See the head of this file. Dispose to stop listening. */
export class Deaths implements Disposable {
  readonly #home: Netns;
  readonly #listener: Disposable;
  readonly #log: Logger;
  readonly #onDeath: (key: string) => void;
  readonly #keys = new Map<number, string>();
  readonly #nsids = new Map<string, number>();

  private constructor(home: Netns, log: Logger, onDeath: (key: string) => void) {
    this.#home = home;
    this.#log = log;
    this.#onDeath = onDeath;
    this.#listener = listen({
      groups: group,
      onMessages: (messages) => {
        this.#heard(messages);
      },
      onLost: () => {
        this.#askAll().catch((reason: unknown) => {
          this.#log.error({ err: reason }, 'looking for dead namespaces failed');
        });
      },
    });
  }

  /** Start listening; `onDeath` is told the key given to {@link watch}. */
  static async start(log: Logger, onDeath: (key: string) => void): Promise<Deaths> {
    return new Deaths(await Netns.open(''), log, onDeath);
  }

  /** How many namespaces are watched. */
  get size(): number {
    return this.#keys.size;
  }

  /** Watch the namespace, which the caller holds open meanwhile; watching it twice is watching it once. */
  async watch(netns: Netns, key: string): Promise<void> {
    if (this.#nsids.has(key)) return;
    const { fd } = netns;
    // It may have a number already (EEXIST), from us or from somebody else.
    const [, answer] = await this.#ask([
      nsidMessage(MessageType.NEWNSID, { [attribute.nsid]: -1, [attribute.fd]: fd }),
      nsidMessage(MessageType.GETNSID, { [attribute.fd]: fd }),
    ]);
    const nsid = answer?.objects.map(({ data }) => nsidOf(data)).find((id) => id >= 0);
    if (nsid === undefined) {
      // Its wires are then closed by their time-out.
      this.#log.warn({ netns: key, errno: answer?.errno }, 'namespace cannot be watched');
      return;
    }
    this.#keys.set(nsid, key);
    this.#nsids.set(key, nsid);
  }

  [Symbol.dispose](): void {
    this.#listener[Symbol.dispose]();
    this.#home[Symbol.dispose]();
    this.#keys.clear();
    this.#nsids.clear();
  }

  #heard(messages: Buffer): void {
    for (const { type, data } of parseMessages(messages)) {
      if (type === delNsid) this.#died(nsidOf(data));
    }
  }

  #died(nsid: number): void {
    const key = this.#keys.get(nsid);
    if (key === undefined) return;
    this.#keys.delete(nsid);
    this.#nsids.delete(key);
    this.#onDeath(key);
  }

  async #askAll(): Promise<void> {
    const nsids = [...this.#keys.keys()];
    this.#log.warn({ namespaces: nsids.length }, 'news of namespaces were lost: asking again');
    const answers = await this.#ask(
      nsids.map((nsid) => nsidMessage(MessageType.GETNSID, { [attribute.nsid]: nsid })),
    );
    nsids.forEach((nsid, at) => {
      if (answers[at]?.errno !== 0) this.#died(nsid);
    });
  }

  async #ask(messages: readonly Message[]): Promise<readonly Answer[]> {
    return decode(await this.#home.transact(encode(messages)), messages.length);
  }
}

function nsidMessage(type: MessageType, attributes: Readonly<Record<number, number>>): Message {
  const out = new AttrStream();
  out.emit(Buffer.alloc(headLength));
  for (const [name, value] of Object.entries(attributes)) {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    out.push(Number(name), bytes);
  }
  return { type, flags: flags.request | flags.ack, body: out.bufs };
}

function nsidOf(data: Buffer): number {
  let nsid = -1;
  parseAttributes(data.subarray(headLength), ({ type, data: value }) => {
    if (type === attribute.nsid) nsid = value.readInt32LE(0);
  });
  return nsid;
}
