// SPDX-License-Identifier: Apache-2.0
/**
 * A BPF object file: parsed, adjusted, then loaded. Its maps and programs are
 * closed with it; what is pinned or attached stays.
 */
import { invalid } from '../../api/errors/wire-error.js';
import { addon, type ObjectHandle } from './addon.js';
import { BpfMap } from './map.js';
import { Program } from './program.js';
import { trying } from './refused.js';

/** See the head of this file. */
export class BpfObject implements Disposable {
  /** The maps of the file, without the compiler's own. */
  readonly mapNames: readonly string[];
  readonly programNames: readonly string[];
  readonly #handle: ObjectHandle;
  readonly #path: string;
  readonly #maps = new Map<string, BpfMap>();
  readonly #programs = new Map<string, Program>();

  private constructor(handle: ObjectHandle, path: string) {
    this.#handle = handle;
    this.#path = path;
    this.mapNames = addon.mapNames(handle);
    this.programNames = addon.programNames(handle);
  }

  /** Parse a file; nothing is loaded yet. */
  static open(path: string): BpfObject {
    return new BpfObject(
      trying(`open BPF object ${path}`, () => addon.openObject(path)),
      path,
    );
  }

  /** How much a map holds; before it is loaded. */
  setMaxEntries(map: string, entries: number): void {
    this.#checkMap(map);
    trying(`size map ${map} of ${this.#path}`, () => {
      addon.setMaxEntries(this.#handle, map, entries);
    });
  }

  /** The value of a `const volatile` of the file; before it is loaded. */
  setRodata(symbol: string, value: Uint8Array): void {
    trying(`set ${symbol} of ${this.#path} to ${String(value.length)} bytes`, () => {
      addon.setRodata(this.#handle, symbol, value);
    });
  }

  /** Load. Maps that are pinned by name in that directory are used, others made and pinned there. */
  load(options: { readonly pinDirectory?: string } = {}): void {
    trying(`load BPF object ${this.#path}`, () => {
      addon.load(this.#handle, options.pinDirectory ?? '');
    });
  }

  /** A program, once loaded. */
  program(name: string): Program {
    const known = this.#programs.get(name);
    if (known !== undefined) return known;
    if (!this.programNames.includes(name)) {
      throw invalid(`program of ${this.#path}`, name, `one of ${this.programNames.join(', ')}`);
    }
    const program = new Program(
      trying(`get program ${name} of ${this.#path}`, () => addon.programOf(this.#handle, name)),
    );
    this.#programs.set(name, program);
    return program;
  }

  /** A map, once loaded. */
  map(name: string): BpfMap {
    const known = this.#maps.get(name);
    if (known !== undefined) return known;
    this.#checkMap(name);
    const map = new BpfMap(
      trying(`get map ${name} of ${this.#path}`, () => addon.mapOf(this.#handle, name)),
    );
    this.#maps.set(name, map);
    return map;
  }

  /** Close it, its maps and its programs. Twice does nothing. */
  [Symbol.dispose](): void {
    for (const one of [...this.#maps.values(), ...this.#programs.values()]) one[Symbol.dispose]();
    addon.close(this.#handle);
  }

  #checkMap(name: string): void {
    if (!this.mapNames.includes(name)) {
      throw invalid(`map of ${this.#path}`, name, `one of ${this.mapNames.join(', ')}`);
    }
  }
}
