// SPDX-License-Identifier: Apache-2.0
/** Registries in layers: as elements make a chain, layers make a registry. */
import type { Registry } from '../../api/registry/registry.js';

/** One behaviour of a registry, around the rest of it. */
export type Layer<T> = (rest: Registry<T>) => Registry<T>;

/** Layers in reading order around a store: the first sees a call first and its answer last. */
export function stack<T>(store: Registry<T>, ...layers: readonly Layer<T>[]): Registry<T> {
  return layers.reduceRight((rest, layer) => layer(rest), store);
}
