// SPDX-License-Identifier: Apache-2.0
/**
 * Multicast news of the process's own namespace.
 *
 * After an overrun (`onLost`) whoever listens must look for itself: news were
 * lost. Listening goes on, and does not keep the process alive.
 */
import { KernelError } from '../../api/errors/kernel-error.js';
import { addon } from './addon.js';

/** Groups as the bits that bind(2) takes: group N of `RTNLGRP_*` is `1 << (N - 1)`. */
export interface ListenOptions {
  readonly groups: number;
  /** One datagram: one or more messages. */
  readonly onMessages: (messages: Buffer) => void;
  readonly onLost: () => void;
}

/** Listen until disposed. */
export function listen(options: ListenOptions): Disposable {
  try {
    const handle = addon.listen(options.groups, (error, messages) => {
      if (error === undefined) options.onMessages(messages);
      else options.onLost();
    });
    return {
      [Symbol.dispose]() {
        addon.unlisten(handle);
      },
    };
  } catch (reason) {
    throw KernelError.from('listen to netlink multicast', reason);
  }
}
