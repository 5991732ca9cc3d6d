// SPDX-License-Identifier: Apache-2.0
/**
 * The endpoint of a site that may come later, or without a gateway: it waits for one, and serves it.
 * In Kubernetes it is in the pod of every node, of which few are gateways.
 */
import type { Logger } from '../../api/log/log.js';
import { perhapsSite } from '../../api/site/perhaps.js';
import type { Config } from '../config.js';
import { startWan, type Running } from './main.js';

/** Start it; where there is no gateway, resolves at once and does nothing until there is one. */
export async function startOptional(
  config: Config,
  log: Logger,
  signal?: AbortSignal,
): Promise<Running> {
  const site = await perhapsSite(config.WANWIRE_SITE_FILE, {
    log,
    also: (document) => document.raw(['spec', 'gateway']) !== undefined,
  });
  const { outdated } = site;
  if (site.files?.current.site.gateway === undefined) {
    log.info('there is no gateway here: nothing is served');
    // Nothing else keeps it running.
    const awake = setInterval(() => undefined, 2 ** 30);
    const close = (): Promise<void> => {
      clearInterval(awake);
      site[Symbol.dispose]();
      return Promise.resolve();
    };
    return { urls: [], outdated, close };
  }
  try {
    const wan = await startWan(config, log, signal);
    const close = (): Promise<void> => wan.close().finally(() => site[Symbol.dispose]());
    return { urls: wan.urls, outdated, close };
  } catch (reason) {
    site[Symbol.dispose]();
    throw reason;
  }
}
