// SPDX-License-Identifier: Apache-2.0
/** The machine: elements in reading order become one Request and one Close. */
import { CloseError } from '../errors/close-error.js';
import type { Call } from './call.js';
import type { Chain, CloseNext, Element, RequestNext, Step } from './element.js';

/**
 * Compose elements in reading order: the first sees the Request first and the
 * answer last. Close visits them in the same order and goes on past a Step
 * that failed; only a Guard can stop it.
 */
export function compose(...elements: readonly Element[]): Chain {
  return elements.reduceRight<Chain>(
    (rest, element) => {
      element.composed?.(rest);
      return {
        request: traced(element, rest.request),
        close:
          element.kind === 'guard'
            ? (call, connection) => element.close(call, connection, rest.close)
            : closeThenRest(element, rest.close),
      };
    },
    {
      request: (_call, request) => Promise.resolve(request.connection),
      close: () => Promise.resolve(),
    },
  );
}

function traced(element: Element, rest: RequestNext): RequestNext {
  return async (call, request) => {
    // Asked per Request: SIGUSR1 may turn it on at any time.
    if (!call.log.isLevelEnabled('debug')) return element.request(call, request, rest);
    const fields = { element: element.name };
    call.log.debug(fields, 'element entered');
    try {
      const answer = await element.request(call, request, rest);
      call.log.debug(fields, 'element answered');
      return answer;
    } catch (reason) {
      call.log.debug({ ...fields, err: reason }, 'element failed');
      throw reason;
    }
  };
}

function closeThenRest(step: Step, rest: CloseNext): CloseNext {
  return async (call: Call, connection) => {
    const own = await CloseError.gather(() => step.close(call, connection));
    const others = await CloseError.gather(() => rest(call, connection));
    if (own.length + others.length > 0) throw new CloseError(connection.id, [...own, ...others]);
  };
}
