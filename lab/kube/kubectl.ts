// SPDX-License-Identifier: Apache-2.0
/** Runs kubectl; what it complains of is in the error. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { LabError } from '../file/mistakes.js';

/** kubectl of one cluster: `await kubectl(['get', 'pods'])`, with what it reads from `-f -`. */
export type Kubectl = (args: readonly string[], input?: string) => Promise<string>;

/** A {@link Kubectl} in a namespace, or where the caller is. It keeps what it learns of the cluster in `cache`. */
export function kubectlOf(options: {
  readonly program: string;
  readonly kubeconfig: string;
  readonly cache: string;
  readonly netns?: string;
}): Kubectl {
  const { program, kubeconfig, cache, netns } = options;
  const enter = netns === undefined ? [] : ['nsenter', `--net=${netns}`, '--'];
  return async (args, input = '') => {
    const own = [`--kubeconfig=${kubeconfig}`, `--cache-dir=${cache}`];
    const line = ['--pdeathsig', 'KILL', '--', ...enter, program, ...own, ...args];
    const child = spawn('setpriv', line, {
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: cache },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let said = '';
    let complaint = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
    // It may end before it has read everything.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    const [code] = (await once(child, 'close')) as [number | null];
    if (code === 0) return said;
    throw new LabError(
      `kubectl ${args.join(' ')}: ${complaint.trim() || `exit code ${String(code)}`}`,
    );
  };
}
