// SPDX-License-Identifier: Apache-2.0
/** What is injected, as far as it is the same for all pods. */
import { dirname } from 'node:path/posix';
import type { Config } from './config.js';

/** Volumes of both kinds have the same names and places. */
export type VolumeKind = 'host-path' | 'csi';

/** See the head of this file. */
export interface Settings {
  readonly annotation: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The variable that tells a client which wires are wanted. */
  readonly variable: string;
  readonly initImages: readonly string[];
  readonly images: readonly string[];
  readonly envs: Readonly<Record<string, string>>;
  readonly native: boolean;
  /** Of each container; without keys that are not set. */
  readonly resources: object;
  readonly user: number;
  readonly volumes: 'auto' | VolumeKind;
  /** `unix:///folder/socket`. */
  readonly spiffeSocket: string;
  readonly nsmFolder: string;
}

/** Of the environment. */
export function settingsOf(config: Config): Settings {
  return {
    annotation: config.NSM_ANNOTATION,
    labels: config.NSM_LABELS,
    variable: config.NSM_NSURL_ENV_NAME,
    initImages: config.NSM_INIT_CONTAINER_IMAGES,
    images: config.NSM_CONTAINER_IMAGES,
    envs: config.NSM_ENVS,
    native: config.WANWIRE_SIDECAR === 'native',
    resources: {
      ...amounts('limits', config.NSM_SIDECAR_LIMITS_CPU, config.NSM_SIDECAR_LIMITS_MEMORY),
      ...amounts('requests', config.NSM_SIDECAR_REQUESTS_CPU, config.NSM_SIDECAR_REQUESTS_MEMORY),
    },
    user: config.WANWIRE_RUN_AS_USER,
    volumes: config.WANWIRE_VOLUMES,
    spiffeSocket: config.WANWIRE_SPIFFE_SOCKET,
    nsmFolder: config.WANWIRE_NSM_SOCKET_DIR,
  };
}

function amounts(kind: string, cpu: string, memory: string): object {
  if (cpu === '' && memory === '') return {};
  return { [kind]: { ...(cpu === '' ? {} : { cpu }), ...(memory === '' ? {} : { memory }) } };
}

/** Where the SPIFFE agent's socket lies. */
export function spiffeFolder({ spiffeSocket }: Settings): string {
  return dirname(spiffeSocket.replace(/^unix:\/\//, ''));
}
