// SPDX-License-Identifier: Apache-2.0
/** A cluster for tests: skipped, with what is missing, where Kubernetes cannot be had. */
import {
  startControlPlane,
  type ControlPlane,
  type ControlPlaneOptions,
} from '../../lab/kube/control-plane.js';
import { missingForKube } from '../../lab/kube/programs.js';

/** Who ends it: a test. */
export interface Cleaner {
  teardown(act: () => Promise<void>): void;
}

/**
 * Why no cluster can be started here, or false: `t.test(name, { skip: await noKube() }, ...)`.
 * The proof is the list of what scripts/kube.sh could not make.
 */
export async function noKube(): Promise<string | false> {
  const missing = await missingForKube();
  return missing.length === 0
    ? false
    : `no Kubernetes here: ${missing.join(', ')} missing after scripts/kube.sh`;
}

/** A real API server with its etcd, on loopback; it ends with the test. */
export async function apiServer(
  t: Cleaner,
  options: ControlPlaneOptions = {},
): Promise<ControlPlane> {
  const plane = await startControlPlane(options);
  t.teardown(() => plane.stop());
  return plane;
}
