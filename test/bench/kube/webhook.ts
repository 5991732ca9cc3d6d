// SPDX-License-Identifier: Apache-2.0
/**
 * How long the webhook takes for one review: `/mutate` of an annotated pod as the API server writes it, over
 * HTTPS with connections that stay, four under way at a time. The webhook is the built process, with a real
 * API server behind it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:https';
import { createInterface } from 'node:readline';
import { startControlPlane, type ControlPlane } from '../../../lab/kube/control-plane.js';
import { command } from '../../stage/command.js';
import { residentKib } from '../../stage/processes.js';
import { quantile, type Report } from '../report.js';
import { untilStopped } from '../stopped.js';

const inFlight = 4;
const runs = 5;

/** Adds `webhook_p50_ms`, `webhook_p99_ms` (20 or less is wanted) and `webhook_rss_mib`; takes 20 s. */
export async function webhookLatency(report: Report, quick: boolean): Promise<void> {
  await untilStopped({
    open: () => startControlPlane(),
    play: (plane) => latency(plane, report, quick),
  });
}

async function latency(plane: ControlPlane, report: Report, quick: boolean): Promise<void> {
  await using webhook = await startWebhook(plane);
  const { url, ca } = webhook;
  const agent = new Agent({ ca, keepAlive: true, maxSockets: inFlight });
  const count = quick ? 250 : 1_000;
  // Loads what is loaded at the first one, and lets the compiler see what is hot.
  await measure({ url, agent, count: 250 });
  const p50: number[] = [];
  const p99: number[] = [];
  for (let run = 0; run < runs; run++) {
    const times = await measure({ url, agent, count });
    p50.push(quantile(times, 0.5));
    p99.push(quantile(times, 0.99));
  }
  agent.destroy();
  report.add({ figure: 'webhook_p50_ms', unit: 'ms', ours: p50 });
  report.add({ figure: 'webhook_p99_ms', unit: 'ms', ours: p99 });
  const rss = (await residentKib(webhook.pid)) / 1_024;
  report.add({ figure: 'webhook_rss_mib', unit: 'MiB', ours: [rss] });
}

interface Measured {
  readonly url: string;
  readonly agent: Agent;
  readonly count: number;
}

/** What each of `count` took, in milliseconds. */
async function measure({ url, agent, count }: Measured): Promise<readonly number[]> {
  const body = JSON.stringify(review);
  const times: number[] = [];
  let left = count;
  const one = async (): Promise<void> => {
    while (left-- > 0) {
      const beganMs = performance.now();
      await ask(`${url}/mutate`, agent, body);
      times.push(performance.now() - beganMs);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  return times;
}

async function ask(url: string, agent: Agent, body: string): Promise<void> {
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const call = request(url, { agent, method: 'POST', headers });
  call.end(body);
  const [answer] = (await once(call, 'response')) as [NodeJS.ReadableStream];
  let text = '';
  for await (const part of answer) text += String(part);
  if (!text.includes('"JSONPatch"')) throw new Error(`the webhook has not injected: ${text}`);
}

interface Started extends AsyncDisposable {
  readonly url: string;
  readonly ca: string;
  readonly pid: number;
}

async function startWebhook({ kubeconfig, kubectl }: ControlPlane): Promise<Started> {
  const env = {
    ...{ PATH: '/usr/sbin:/usr/bin:/sbin:/bin', KUBECONFIG: kubeconfig, NSM_LOG_LEVEL: 'WARN' },
    ...{ WANWIRE_WEBHOOK_LISTEN_ON: 'tcp://127.0.0.1:0', WANWIRE_WEBHOOK_HOSTS: '127.0.0.1' },
    NSM_NAMESPACE: 'default',
  };
  const line = ['--pdeathsig', 'KILL', '--', process.execPath, command(), 'webhook'];
  const child = spawn('setpriv', line, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  for await (const text of createInterface(child.stdout)) {
    const url = /is ready \((https:\S+)\)/.exec(text)?.[1];
    if (url === undefined) continue;
    const secret = ['get', 'secret', 'wanwire-webhook', '-o', 'jsonpath={.data.ca\\.crt}'];
    const ca = Buffer.from(await kubectl(secret), 'base64').toString();
    return {
      ...{ url, ca, pid: child.pid ?? 0 },
      async [Symbol.asyncDispose]() {
        child.kill('SIGTERM');
        await ended;
      },
    };
  }
  throw new Error('the webhook ended before it was ready');
}

/** As an API server sends it: what it has filled in included. */
const review = {
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request: {
    uid: 'f0e1d2c3-0000-4000-8000-000000000000',
    kind: { group: '', version: 'v1', kind: 'Pod' },
    resource: { group: '', version: 'v1', resource: 'pods' },
    operation: 'CREATE',
    namespace: 'default',
    userInfo: { username: 'system:serviceaccount:kube-system:replicaset-controller' },
    object: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        generateName: 'web-7d9c5b8f6-',
        labels: { app: 'web', 'pod-template-hash': '7d9c5b8f6' },
        annotations: {
          'networkservicemesh.io': 'kernel://wan/nsm-1?app=sip,kernel://wan-bulk/nsm-2',
        },
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-7d9c5b8f6' }],
      },
      spec: {
        containers: Array.from({ length: 3 }, (_, at) => ({
          name: `app-${String(at)}`,
          image: `app:${String(at)}`,
          env: Array.from({ length: 10 }, (_, of) => ({ name: `V${String(of)}`, value: 'x' })),
          volumeMounts: [
            { name: 'kube-api-access', mountPath: '/var/run/secrets', readOnly: true },
          ],
        })),
        volumes: [{ name: 'kube-api-access', projected: { sources: [] } }],
        serviceAccountName: 'default',
      },
    },
    oldObject: null,
    dryRun: false,
  },
};
