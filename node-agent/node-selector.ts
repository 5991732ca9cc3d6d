// SPDX-License-Identifier: Apache-2.0
/** `spec.nodeSelector` of a Site: labels that a node must have, as in a Pod's. */

/** What would be right; nothing where it is. */
export function selectorMistake(selector: unknown): string | undefined {
  if (selector === undefined || selector === null) return undefined;
  const isMap = typeof selector === 'object' && !Array.isArray(selector);
  if (isMap && Object.values(selector).every((one) => typeof one === 'string')) return undefined;
  return `spec.nodeSelector: ${JSON.stringify(selector).slice(0, 80)} is not valid: want labels of nodes such as {site: edge}`;
}

/** Whether a node with these labels is meant; a right selector without labels means every node. */
export function fits(selector: unknown, labels: Readonly<Record<string, string>>): boolean {
  const wanted = Object.entries((selector ?? {}) as Readonly<Record<string, string>>);
  return wanted.every(([name, value]) => Object.hasOwn(labels, name) && labels[name] === value);
}
