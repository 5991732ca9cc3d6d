// SPDX-License-Identifier: Apache-2.0
/**
 * An endpoint in one page. It provides the network service `hello`, greets each
 * client by its label `app`, and is the way to a network behind it. Run it where
 * clients' interfaces are to be (a pod, a network namespace):
 *
 *     node dist/nse/examples/hello.js unix:///var/lib/networkservicemesh/nsm.io.sock
 *
 * and ask for it with `NSM_NETWORK_SERVICES=kernel://hello/nsm-1?app=blue wanwire nsc`.
 */
import { fileURLToPath } from 'node:url';
import { endpoint, ipOf, processLogger, routes, stateKey } from 'wanwire/nse';
import type { Endpoint, Logger, Step } from 'wanwire/nse';

/** What we remember of each client; forgotten when its connection ends. */
const greeted = stateKey<string>('greeted');

/**
 * An element of our own. `request` runs for each Request, refreshes included;
 * whatever stands after us in the chain runs inside `next`, so before it we see
 * what the client asks for, and after it what it got.
 */
function greet(log: Logger): Step {
  return {
    kind: 'step',
    name: 'greet',

    async request(call, request, next) {
      const answer = await next(call, request);
      if (call.state.get(greeted) === undefined) {
        const app = answer.labels['app'] ?? 'stranger';
        log.info({ app, addresses: ipOf(answer).srcIpAddrs }, 'hello');
        call.state.set(greeted, app);
      }
      return answer;
    },

    // Each element closes for itself and cannot keep others from closing.
    close(call) {
      log.info({ app: call.state.get(greeted) }, 'good-bye');
      return Promise.resolve();
    },
  };
}

/** Starts the endpoint; `await using` or `close()` ends it. */
export function hello(connectTo: string, log: Logger): Promise<Endpoint> {
  return endpoint({
    name: 'hello-1',
    services: ['hello'],
    // One group for each address family: every client gets a pair of each.
    prefixes: [['172.16.1.0/24'], ['2001:db8:1::/112']],
    // The network behind us; the client reaches it through its interface.
    elements: [greet(log), routes(['10.60.0.0/16'])],
    connectTo,
    // Plaintext, on unix sockets of this machine only.
    insecure: true,
    log,
  });
}

// Started as a program, not imported.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const connectTo = process.argv[2] ?? 'unix:///var/lib/networkservicemesh/nsm.io.sock';
  const running = await hello(connectTo, processLogger('hello-1', 'info'));
  process.once('SIGTERM', () => void running.close());
  process.once('SIGINT', () => void running.close());
}
