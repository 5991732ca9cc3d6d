// SPDX-License-Identifier: Apache-2.0
/**
 * Where the API server is and how we prove who we are, by `@kubernetes/client-node`: service account
 * tokens (read again each minute, as the kubelet renews them), client certificates, exec plugins, OIDC.
 *
 * Only its configuration is used. It makes a new agent, hence a new TLS handshake, for each request,
 * its watch never notices a server that has gone silent, and its generated types drop fields they
 * do not know; so requests are ours.
 */
import { access } from 'node:fs/promises';
import { Agent as PlainAgent, type OutgoingHttpHeaders } from 'node:http';
import { Agent, type AgentOptions, type RequestOptions } from 'node:https';
import { isDeepStrictEqual } from 'node:util';
import { status } from '@grpc/grpc-js';
import { WireError } from '../errors/wire-error.js';

/** A pod's own, where the kubelet puts it. */
const accountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

/** How requests get there. */
export interface Access extends Disposable {
  readonly server: string;
  readonly namespace: string;
  /** For one request: headers that say who we are, and connections to use again. */
  options(): Promise<
    Pick<RequestOptions, 'agent' | 'auth'> & { readonly headers: OutgoingHttpHeaders }
  >;
}

/** Read the configuration; rejects where there is none, or none of that context. */
export async function openAccess(wish: {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
}): Promise<Access> {
  const { KubeConfig } = await import('@kubernetes/client-node/dist/config.js');
  const config = new KubeConfig();
  const { kubeconfig, context } = wish;
  const isPod = kubeconfig === undefined && (await isThere(`${accountFolder}/token`));
  try {
    if (kubeconfig !== undefined) config.loadFromFile(kubeconfig);
    else if (isPod) config.loadFromCluster();
    else config.loadFromDefault();
  } catch (reason) {
    throw unusable(`kubeconfig ${kubeconfig ?? '(KUBECONFIG or ~/.kube/config)'}: ${told(reason)}`);
  }
  if (context !== undefined) config.setCurrentContext(context);
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    const known = (config.getContexts() ?? []).map(({ name }) => name);
    throw unusable(
      `context ${JSON.stringify(config.getCurrentContext())} of the kubeconfig names no cluster: want one of ${known.join(', ') || '(it has none)'}`,
    );
  }
  // What it says where it has found nothing at all.
  if (cluster.server === 'http://localhost:8080') {
    throw unusable(
      'no Kubernetes cluster: this is no pod, and KUBECONFIG and ~/.kube/config are not there',
    );
  }
  if (!URL.canParse(cluster.server) || cluster.server.includes('undefined')) {
    throw unusable(
      `the API server's URL ${JSON.stringify(cluster.server)} is none: want KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT in a pod, or clusters[].cluster.server in a kubeconfig`,
    );
  }
  const ofContext = config.getContextObject(config.getCurrentContext())?.namespace;
  const namespace =
    ofContext === undefined || ofContext.trim() === '' ? 'default' : ofContext.trim();
  const agents = new Agents();
  return {
    server: cluster.server.replace(/\/+$/, ''),
    namespace,
    async options() {
      const made: RequestOptions = {};
      await config.applyToHTTPSOptions(made);
      const headers = Object.entries(made.headers ?? {}).map(
        // A token file may end in a newline, which no header may have.
        ([name, value]) => [name, typeof value === 'string' ? value.trim() : value] as const,
      );
      const agent = cluster.proxyUrl === undefined ? agents.of(made) : made.agent;
      const { auth } = made;
      return {
        ...(agent === undefined ? {} : { agent }),
        ...(auth == null ? {} : { auth }),
        headers: Object.fromEntries(headers),
      };
    },
    [Symbol.dispose]: () => {
      agents[Symbol.dispose]();
    },
  };
}

/** One set of connections, until certificates are others. */
class Agents implements Disposable {
  #tls: object = {};
  #agent: Agent | PlainAgent | undefined;

  of(made: RequestOptions): Agent | PlainAgent {
    const { ca, cert, key, rejectUnauthorized, servername } = made as AgentOptions;
    const tls = { ca, cert, key, rejectUnauthorized, servername };
    if (this.#agent !== undefined && isDeepStrictEqual(tls, this.#tls)) return this.#agent;
    this.#tls = tls;
    const given = Object.entries(tls).filter(([, value]) => value != null);
    const options = { ...Object.fromEntries(given), keepAlive: true, maxSockets: 64 };
    this.#agent = made.agent instanceof Agent ? new Agent(options) : new PlainAgent(options);
    return this.#agent;
  }

  [Symbol.dispose](): void {
    this.#agent?.destroy();
  }
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

/** Not the values in it. */
function told(reason: unknown): string {
  return reason instanceof Error ? (reason.message.split('\n')[0] ?? '') : String(reason);
}

function unusable(message: string): WireError {
  return new WireError(status.FAILED_PRECONDITION, message);
}
