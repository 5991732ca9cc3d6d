// SPDX-License-Identifier: Apache-2.0
/** How likely losses are by chance. */

const logFactorials = [0];

function logFactorial(n: number): number {
  for (let next = logFactorials.length; next <= n; next++) {
    logFactorials.push((logFactorials[next - 1] ?? 0) + Math.log(next));
  }
  return logFactorials[n] ?? NaN;
}

/** The chance of `hits` or more among `trials`, each of which hits with chance `p`. */
export function binomialTail(hits: number, trials: number, p: number): number {
  if (hits <= 0) return 1;
  if (hits > trials || p <= 0) return 0;
  if (p >= 1) return 1;
  const odds = p / (1 - p);
  let term = Math.exp(
    logFactorial(trials) -
      logFactorial(hits) -
      logFactorial(trials - hits) +
      hits * Math.log(p) +
      (trials - hits) * Math.log1p(-p),
  );
  let sum = 0;
  for (let at = hits; at <= trials; at++) {
    sum += term;
    // Terms fall from the mean on, and then fast.
    if (at > trials * p && term < sum * 1e-12) break;
    term *= ((trials - at) / (at + 1)) * odds;
  }
  return Math.min(1, sum);
}
