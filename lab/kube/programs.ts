// SPDX-License-Identifier: Apache-2.0
/** Where the programs of Kubernetes are: scripts/kube.sh builds them into a cache, and installs Debian's. */
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { LabError } from '../file/mistakes.js';

const exec = promisify(execFile);

/** What is built; what Debian has is found by PATH. */
export type KubeProgram =
  'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler' | 'kubelet' | 'kubectl' | 'helm';

/** The path of each. */
export type KubePrograms = (program: KubeProgram) => string;

/** The programs; rejects with a {@link LabError} that names what is missing. */
export async function kubePrograms(): Promise<KubePrograms> {
  const missing = await missingForKube();
  if (missing.length > 0) {
    const names = missing.join(', ');
    throw new LabError(`no Kubernetes here: ${names} missing; bash scripts/kube.sh makes them`);
  }
  const folder = await script('path');
  return (program) => `${folder}/${program}`;
}

/** What the machine lacks for a cluster: names of programs and of Debian's packages. */
export async function missingForKube(): Promise<readonly string[]> {
  return (await script('missing')).split('\n').filter((name) => name !== '');
}

async function script(word: 'path' | 'missing'): Promise<string> {
  const path = createRequire(import.meta.url).resolve('#kube');
  const { stdout } = await exec('bash', [path, word]);
  return stdout.trim();
}
