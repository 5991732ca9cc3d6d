// SPDX-License-Identifier: Apache-2.0
/** What `wanwire envoy` does with its options. */
import { rename, writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { resolve } from 'node:path';
import { text as textOfStream } from 'node:stream/consumers';
import { InvalidArgumentError } from 'commander';
import { stringify } from 'yaml';
import { readEnvironment } from '../../api/env/read-environment.js';
import { invalid } from '../../api/errors/wire-error.js';
import { textOf } from '../../api/site/read.js';
import { SiteError } from '../../api/site/site-error.js';
import type { SteeringPolicy } from '../../api/site/types.js';
import { exitCodes } from '../exit-codes.js';
import { loadPolicies } from '../policy/load.js';
import { validate } from './check.js';
import { envoyTable, findEnvoy } from './find.js';
import { policyFromIstio } from './from-istio.js';
import { istioDocuments, type IstioOptions } from './istio.js';
import { type Binding, type EnvoyOptions, placeOf } from './options.js';
import { envoyBootstrap, envoyRoutes } from './static.js';
import { classWires } from './wires.js';

type Pairs = Readonly<Record<string, string>>;

/** As the command line has them. */
export interface EnvoyCommandOptions {
  readonly policy?: readonly string[];
  readonly service?: string;
  readonly upstream?: string;
  readonly listen?: string;
  readonly networkServices?: string;
  readonly by?: Binding;
  readonly source?: Pairs;
  readonly accessLog?: readonly string[];
  readonly eventLog?: string;
  readonly admin?: string;
  readonly routes?: string;
  readonly format?: 'static' | 'istio';
  readonly namespace?: string;
  readonly selector?: Pairs;
  readonly check?: boolean;
  readonly from?: string;
  readonly class?: Pairs;
  readonly default?: string;
}

/** Options that are of one of the two ways alone. */
const ofFrom = ['class', 'default'] as const;
const ofIstio = ['namespace', 'selector'] as const;
const ofStatic = ['listen', 'accessLog', 'eventLog', 'admin', 'routes'] as const;
const ofRules = ['policy', 'service', 'upstream', 'networkServices', 'by', 'source'] as const;
const ofOutput = ['format', 'check'] as const;

/** Print what is asked for; throws what is wrong with the options or the files. */
export async function envoyCommand(options: EnvoyCommandOptions): Promise<void> {
  if (options.from !== undefined) {
    refuse(options, [...ofRules, ...ofStatic, ...ofIstio, ...ofOutput], 'is not for --from');
    process.stdout.write(await fromIstio(options.from, options));
    return;
  }
  const istio = options.format === 'istio';
  refuse(options, ofFrom, 'is for --from alone');
  if (istio) refuse(options, ofStatic, 'is not for --format istio: a mesh says it elsewhere');
  else refuse(options, ofIstio, 'is for --format istio alone');
  const asked = await understood(options);
  if (istio) {
    const documents = istioDocuments(asked);
    process.stdout.write(documents.map(inYaml).join('---\n'));
  } else {
    const bootstrap = envoyBootstrap(asked);
    if (asked.routesFile !== undefined) await writeRoutes(asked.routesFile, asked);
    process.stdout.write(head(asked) + inYaml(bootstrap));
  }
  if (options.check === true) await check(asked, istio);
}

function inYaml(value: object): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}

function refuse(
  options: EnvoyCommandOptions,
  names: readonly (keyof EnvoyCommandOptions)[],
  why: string,
): void {
  for (const name of names) {
    if (options[name] === undefined) continue;
    const option = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    throw invalid(option, options[name], `nothing: it ${why}`);
  }
}

async function understood(options: EnvoyCommandOptions): Promise<IstioOptions> {
  const { service, upstream, by, namespace, selector } = options;
  const { NSM_NETWORK_SERVICES: annotated } = readEnvironment(envoyTable).config;
  const networkServices = options.networkServices ?? (annotated === '' ? undefined : annotated);
  if (service === undefined) throw invalid('--service', service, 'a name such as httpbin');
  if (upstream === undefined) throw invalid('--upstream', upstream, 'HOST:PORT');
  const policy = await policyOf(options.policy ?? [], networkServices);
  const sources = by === 'source' ? sourcesOf(options, policy, networkServices) : undefined;
  return {
    service,
    upstream,
    policy,
    ...(options.listen !== undefined && { listen: options.listen }),
    ...(by !== undefined && { by }),
    ...(networkServices !== undefined && { networkServices }),
    ...(sources !== undefined && { sources }),
    ...(options.accessLog !== undefined && { accessLogs: options.accessLog }),
    ...(options.admin !== undefined && { admin: options.admin }),
    ...(options.eventLog !== undefined && { eventLog: options.eventLog }),
    // Envoy may be started elsewhere.
    ...(options.routes !== undefined && { routesFile: resolve(options.routes) }),
    ...(namespace !== undefined && { namespace }),
    ...(selector !== undefined && { selector }),
  };
}

/** The only policy of the files, or the only one that is for one of the pod's wires. */
async function policyOf(files: readonly string[], wires = ''): Promise<SteeringPolicy> {
  if (files.length === 0) throw invalid('--policy', undefined, 'a file with the policy');
  const { policies } = await loadPolicies(files);
  const [first, ...more] = policies;
  if (first !== undefined && more.length === 0) return first;
  const own = policies.filter(({ services }) =>
    services.some((service) => wires.includes(`://${service}`)),
  );
  const [found] = own;
  if (found !== undefined && own.length === 1) return found;
  const names = policies.map(({ name }) => name).join(', ');
  throw invalid(
    '--policy',
    files.join(' '),
    `files with one policy for the pod's wires (there are ${names || 'none'})`,
  );
}

/** Addresses of wires: those given, then those that the interfaces have here. */
function sourcesOf(options: EnvoyCommandOptions, policy: SteeringPolicy, wires = ''): Pairs {
  const six = options.upstream?.startsWith('[') === true;
  const here = networkInterfaces();
  const own = wires === '' ? [] : [...classWires(policy, wires)];
  const found = own.flatMap(([of, device]) => {
    const all = here[device] ?? [];
    const fit = all.find(({ family, scopeid }) => family === (six ? 'IPv6' : 'IPv4') && !scopeid);
    return fit === undefined ? [] : [[of, fit.address] as const];
  });
  return { ...Object.fromEntries(found), ...options.source };
}

/** In place at once: Envoy looks when a file is moved there. */
async function writeRoutes(path: string, options: EnvoyOptions): Promise<void> {
  try {
    const beside = `${path}.${String(process.pid)}.new`;
    await writeFile(beside, `${JSON.stringify(envoyRoutes(options), undefined, 2)}\n`);
    await rename(beside, path);
  } catch (reason) {
    const why = reason instanceof Error ? reason.message : String(reason);
    throw invalid('--routes', path, `a path that can be written (${why})`);
  }
}

function head({ service, policy, listen = '127.0.0.1:15001' }: EnvoyOptions): string {
  return `# Envoy for ${service}, from policy ${policy.name}: requests to ${listen} go over the wires of their classes.
# Run it with: envoy --use-dynamic-base-id -c FILE
`;
}

async function check(options: IstioOptions, istio: boolean): Promise<void> {
  const say = (text: string) => process.stderr.write(`wanwire: ${text}\n`);
  const program = findEnvoy();
  if (program === undefined) {
    say(
      'not checked: there is no Envoy here. Want one in PATH, WANWIRE_ENVOY=PROGRAM, or that of the set-up (npm run setup)',
    );
    process.exitCode = exitCodes.failed;
    return;
  }
  const { host } = placeOf('--upstream', options.upstream);
  const what = istio ? `a static configuration with the same clusters (${host} as it is)` : 'it';
  const { ok, text } = await validate(program, envoyBootstrap(options));
  if (ok) {
    say(`Envoy ${text} takes ${what}`);
    return;
  }
  say(`Envoy does not take ${what}: ${text}`);
  process.exitCode = exitCodes.failed;
}

async function fromIstio(file: string, options: EnvoyCommandOptions): Promise<string> {
  const { text, error } =
    file === '-' ? { text: await textOfStream(process.stdin), error: '' } : await textOf(file);
  if (text === undefined) {
    const mistake = { file, line: undefined, column: undefined, field: '', text: error ?? '' };
    throw new SiteError([mistake]);
  }
  return policyFromIstio(text, file === '-' ? 'stdin' : file, {
    ...(options.class !== undefined && { classes: options.class }),
    ...(options.default !== undefined && { default: options.default }),
  });
}

/** `NAME=VALUE` of an option that may be given several times. */
export function collectPairs(text: string, before: Pairs = {}): Pairs {
  const at = text.indexOf('=');
  if (at < 1 || at === text.length - 1) {
    // The option's own name is in the message of the command line's reader.
    throw new InvalidArgumentError('want NAME=VALUE');
  }
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}
