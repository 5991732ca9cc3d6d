// SPDX-License-Identifier: Apache-2.0
/**
 * A real Envoy beside the app, with the configuration of `wanwire envoy`. Its routes are in a file of
 * their own, which Envoy watches: another file in its place is in force at once, and no connection
 * ends for it.
 */
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { SteeringPolicy } from '../../../api/site/types.js';
import type { Player } from '../../../lab/world.js';
import type { EnvoyOptions } from '../../envoy/options.js';
import { envoyBootstrap, envoyRoutes } from '../../envoy/static.js';
import { startEnvoy, writeOpen, type EnvoyProcess } from './envoy-process.js';

/** What it is made of. */
export interface SidecarOptions extends Pick<
  EnvoyProcess,
  'world' | 'place' | 'binary' | 'folder'
> {
  readonly envoy: Omit<EnvoyOptions, 'routesFile'>;
}

/** See the head of this file. It ends with its world. */
export class Sidecar {
  readonly #options: SidecarOptions;
  readonly #routesFile: string;
  #routes = '';
  #player: Player | undefined;

  private constructor(options: SidecarOptions) {
    this.#options = options;
    this.#routesFile = join(options.folder, 'routes.json');
  }

  /** Start it; resolves when it listens. */
  static async start(options: SidecarOptions): Promise<Sidecar> {
    const sidecar = new Sidecar(options);
    await mkdir(options.folder, { recursive: true });
    await sidecar.swap(options.envoy.policy);
    await sidecar.#begin();
    return sidecar;
  }

  /** Put the routes of another policy in force; throws what is wrong with it. */
  async swap(policy: SteeringPolicy): Promise<void> {
    const routes = JSON.stringify(envoyRoutes({ ...this.#options.envoy, policy }));
    if (routes === this.#routes) return;
    // Written beside it and renamed: Envoy never reads half of it.
    await writeOpen(`${this.#routesFile}.new`, routes);
    await rename(`${this.#routesFile}.new`, this.#routesFile);
    this.#routes = routes;
  }

  /** Kill it, and start another with the routes as they are. */
  async restart(): Promise<void> {
    await this.#player?.end('SIGKILL');
    await this.#begin();
  }

  async #begin(): Promise<void> {
    const { envoy, ...place } = this.#options;
    const bootstrap = envoyBootstrap({ ...envoy, routesFile: this.#routesFile });
    const port = Number(/:(\d+)$/.exec(envoy.listen ?? '')?.[1] ?? 15_001);
    this.#player = await startEnvoy({ ...place, name: 'envoy', bootstrap, port });
  }
}
