// SPDX-License-Identifier: Apache-2.0
/**
 * From the cluster's objects to what the processes of this node are to read: one text with the Site,
 * its policies and services, and the trust bundles beside it. What has a mistake is left out and told.
 */
import { stringify } from 'yaml';
import type { KubeObject } from '../api/k8s/types.js';
import { policyDigest } from '../api/site/policy-digest.js';
import { siteFilesOf, type SiteText } from '../api/site/read.js';
import { SiteError, type Mistake } from '../api/site/site-error.js';
import { fits, selectorMistake } from './node-selector.js';
import type { ConfigMapObject, PolicyObject, ServiceObject, SiteObject } from './objects.js';

/** What a cluster has for a node. */
export interface Objects {
  readonly node: string;
  /** Of the Node; undefined while it is not known. */
  readonly nodeLabels: Readonly<Record<string, string>> | undefined;
  readonly sites: readonly SiteObject[];
  readonly policies: readonly PolicyObject[];
  readonly services: readonly ServiceObject[];
  readonly bundles: ConfigMapObject | undefined;
  /** What of an object was in force last, by its kind and name: that stays while the object has a mistake. */
  readonly right: ReadonlyMap<string, KubeObject>;
}

/** What a node says of an object. */
export interface Verdict {
  readonly accepted: boolean;
  readonly reason: string;
  readonly message: string;
}

/** See the head of this file. */
export interface Desired {
  /** The Site of this node. */
  readonly site: SiteObject | undefined;
  /** For `site.yaml`; without a Site it has no document. */
  readonly text: string;
  /** Trust bundles by file name. */
  readonly bundles: ReadonlyMap<string, Buffer>;
  /** Of policies in it, by name (`policyDigest`). */
  readonly digests: ReadonlyMap<string, string>;
  /** What is in force of each object, for the next time. */
  readonly right: ReadonlyMap<string, KubeObject>;
  /** Of the Sites that select this node, and of policies while there is a Site. By uid or name. */
  readonly verdicts: ReadonlyMap<string, Verdict>;
}

const accepted: Verdict = { accepted: true, reason: 'Accepted', message: 'it is in force' };
const nothing = '# Written by wanwire node-agent: no Site selects this node.\n';

/** Under which the text of an object is known. */
export function nameOf({ kind = '', metadata: { name } }: KubeObject): string {
  return `${kind}/${name}`;
}

/** What tells an object from one that had its name before. */
export function keyOf({ kind = '', metadata: { uid, name, namespace = '' } }: KubeObject): string {
  return uid ?? `${kind}/${namespace}/${name}`;
}

/** Decide; trust bundles that a Site names are written by `place` before its text is judged, into `folder`. */
export async function desired(
  objects: Objects,
  folder: string,
  place: (bundles: ReadonlyMap<string, Buffer>) => Promise<void>,
): Promise<Desired> {
  const { node, nodeLabels } = objects;
  const verdicts = new Map<string, Verdict>();
  const reject = (object: KubeObject, message: string, reason = 'Invalid'): void =>
    void verdicts.set(keyOf(object), { accepted: false, reason, message });
  const others = [...byAge(objects.policies), ...byAge(objects.services).filter(isUsers)];
  let site: SiteObject | undefined;
  let found: InForce | undefined;
  for (const one of byAge(objects.sites)) {
    const mistake = selectorMistake(one.spec?.nodeSelector);
    if (mistake !== undefined) reject(one, mistake);
    if (mistake !== undefined || nodeLabels === undefined) continue;
    if (!fits(one.spec?.nodeSelector, nodeLabels)) continue;
    if (site !== undefined) {
      const message = `node ${node} has an older Site, ${site.metadata.name}: want a nodeSelector of which nodes are this site`;
      reject(one, message, 'NodeTaken');
      continue;
    }
    const all = { others, folder, place, reject, objects };
    found = (await judged(one, one, all)) ?? (await judgedBefore(one, all));
    if (found === undefined) continue;
    site = one;
    const wrong = verdicts.get(keyOf(one));
    const message = `${wrong?.message ?? ''}\n(what it said before is still in force)`;
    verdicts.set(keyOf(one), wrong === undefined ? accepted : { ...wrong, message });
  }
  if (found === undefined) {
    // Without a Site nobody can tell whether a policy fits it.
    for (const one of others) verdicts.delete(keyOf(one));
    const none = new Map<never, never>();
    return { site, text: nothing, bundles: none, digests: none, right: none, verdicts };
  }
  for (const one of others) if (!verdicts.has(keyOf(one))) verdicts.set(keyOf(one), accepted);
  return { site, ...found, verdicts };
}

type InForce = Pick<Desired, 'text' | 'bundles' | 'digests' | 'right'>;

interface Judging {
  readonly others: readonly KubeObject[];
  readonly folder: string;
  readonly place: (bundles: ReadonlyMap<string, Buffer>) => Promise<void>;
  readonly reject: (object: KubeObject, message: string) => void;
  readonly objects: Pick<Objects, 'bundles' | 'right'>;
}

/** The Site as it was last in force. */
async function judgedBefore(site: SiteObject, all: Judging): Promise<InForce | undefined> {
  const before = all.objects.right.get(nameOf(site));
  return before && (await judged(before, site, all));
}

/** A Site with the others that are right, or as they were; nothing, and a verdict, where the Site is wrong. */
async function judged(
  text: SiteObject,
  site: SiteObject,
  { others, folder, place, reject, objects }: Judging,
): Promise<InForce | undefined> {
  const bundles = bundlesOf(text, objects.bundles);
  if (typeof bundles === 'string') {
    reject(site, bundles);
    return undefined;
  }
  await place(bundles);
  const files = [site, ...others].map((object, at) => ({
    path: `${folder}/${String(at)}`,
    object,
  }));
  // What each file says now: the object, what it was before, or nothing.
  const said = new Map<string, KubeObject>(files.map(({ path, object }) => [path, object]));
  said.set(`${folder}/0`, text);
  for (;;) {
    const texts = [...said].map(([path, object]): SiteText => ({ path, text: textOf(object) }));
    try {
      const { policies } = await siteFilesOf(texts);
      const documents = texts.map((one) => `---\n${one.text ?? ''}`).join('');
      return {
        text: `# Written by wanwire node-agent; changes are lost.\n${documents}`,
        bundles,
        digests: new Map(policies.map((one) => [one.name, policyDigest(one)])),
        right: new Map([...said.values()].map((object) => [nameOf(object), object])),
      };
    } catch (reason) {
      if (!(reason instanceof SiteError)) throw reason;
      const wrong = files.filter(({ path }) => reason.mistakes.some(({ file }) => file === path));
      if (wrong.length === 0) throw reason;
      for (const { path, object } of wrong) {
        const own = reason.mistakes.filter(({ file }) => file === path);
        if (said.get(path) === object) reject(object, inWords(own));
        if (object === site) return undefined;
        const before = objects.right.get(nameOf(object));
        // The one that was right may not fit any more either.
        if (said.get(path) !== object || before === undefined) said.delete(path);
        else said.set(path, before);
      }
    }
  }
}

/** The oldest first; of two of one second, by name. */
function byAge<T extends KubeObject>(objects: readonly T[]): readonly T[] {
  const key = ({ metadata: { creationTimestamp = '', namespace = '', name } }: T): string =>
    `${creationTimestamp}\0${namespace}\0${name}`;
  return objects.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** Not one that a registry has written for an endpoint. */
function isUsers({ spec }: ServiceObject): boolean {
  const paths = spec?.['path_ids'];
  return !(Array.isArray(paths) && paths.length > 0);
}

/** What a user wrote, with keys in order: the same object is the same text. */
function textOf({ apiVersion, kind, metadata: { name }, ...rest }: KubeObject): string {
  const { spec } = rest as { spec?: unknown };
  const document = { apiVersion, kind, metadata: { name }, spec };
  return stringify(document, { sortMapEntries: true, aliasDuplicateObjects: false, lineWidth: 0 });
}

function bundlesOf(
  site: SiteObject,
  map: ConfigMapObject | undefined,
): Map<string, Buffer> | string {
  const found = new Map<string, Buffer>();
  const peers: unknown = site.spec?.['peers'];
  for (const [at, peer] of (Array.isArray(peers) ? (peers as unknown[]) : []).entries()) {
    const name = (peer as { trustBundle?: unknown } | null)?.trustBundle;
    if (typeof name !== 'string') continue;
    const text = map?.data?.[name];
    const binary = map?.binaryData?.[name];
    const content =
      text === undefined ? binary && Buffer.from(binary, 'base64') : Buffer.from(text);
    if (content === undefined || content === '') {
      const keys = Object.keys({ ...map?.data, ...map?.binaryData });
      const where =
        map === undefined ? 'which is not there' : `which has ${keys.join(', ') || 'none'}`;
      return `spec.peers[${String(at)}].trustBundle: ${JSON.stringify(name)} is not valid: want a key of ConfigMap wanwire-trust-bundles, ${where}`;
    }
    found.set(name, content);
  }
  return found;
}

function inWords(mistakes: readonly Mistake[]): string {
  const lines = mistakes.map(({ field, text }) => (field === '' ? text : `${field}: ${text}`));
  return lines.join('\n').slice(0, 4_000);
}
