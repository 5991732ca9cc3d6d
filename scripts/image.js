#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
/**
 * Makes images as OCI archives of what is built here, without a builder or a registry; the same
 * input makes the same bytes. For the demo and the tests; deploy/image/Containerfile is for others.
 *
 *   node scripts/image.js FOLDER [wanwire] [pause] [tools]
 *
 * `wanwire` is the image of all processes, `pause` holds a pod's namespaces, `tools` is Debian's
 * static busybox, for pods of demos. Prints a line for each: its path, its bytes, its digest.
 */
import { Buffer } from 'node:buffer';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath, URL } from 'node:url';
import { gzipSync } from 'node:zlib';

const root = fileURLToPath(new URL('..', import.meta.url));
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const architectures = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'arm',
  riscv64: 'riscv64',
  s390x: 's390x',
  ppc64: 'ppc64le',
};
const nobody = '65532:65532';
const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const images = {
  wanwire: {
    // How containerd writes a name without a registry.
    reference: `docker.io/library/wanwire:${version}`,
    fill: fillWanwire,
    config: {
      User: nobody,
      Env: [path],
      WorkingDir: '/opt/wanwire',
      Entrypoint: ['/usr/bin/node', '/opt/wanwire/dist/bin/wanwire.js'],
    },
  },
  pause: {
    reference: 'docker.io/library/wanwire-pause:lab',
    fill: (to) => put(join(root, 'bpf/build/pause'), join(to, 'pause')),
    config: { User: nobody, Env: [path], Entrypoint: ['/pause'] },
  },
  tools: {
    reference: 'docker.io/library/wanwire-tools:lab',
    fill: fillTools,
    // As whom a pod says; ping wants root.
    config: { Env: [path], Cmd: ['/bin/sleep', 'infinity'] },
  },
};

function fillWanwire(to) {
  const app = join(to, 'opt/wanwire');
  const built = join(root, 'bpf/build');
  const wanted = [
    'loader.node',
    'fdpass.node',
    'netns.node',
    'ping.node',
    'prober',
    'metronome',
    'relay',
    'witness',
    'probe',
    'wire.bpf.o',
    'sink.bpf.o',
  ];
  const binaries = wanted.map((name) => join(built, name));
  for (const from of binaries) put(from, join(app, 'bpf/build', from.slice(built.length + 1)));
  for (const folder of ['dist/bin', 'api/proto']) {
    cpSync(join(root, folder), join(app, folder), { recursive: true });
  }
  put(join(root, 'package.json'), join(app, 'package.json'));
  put(realpathSync(process.execPath), join(to, 'usr/bin/node'));
  const programs = [process.execPath, ...binaries.filter((one) => !one.endsWith('.o'))];
  // For gateways that translate addresses.
  const nft = ['/usr/sbin/nft', '/sbin/nft'].find((one) => existsSync(one));
  if (nft !== undefined) {
    put(nft, join(to, 'usr/sbin/nft'));
    programs.push(nft);
  }
  for (const library of new Set(programs.flatMap(librariesOf))) put(library, join(to, library));
  symlinkSync('/opt/wanwire/dist/bin/wanwire.js', join(to, 'usr/bin/wanwire'));
  symlinkSync('/opt/wanwire/bpf/build/probe', join(to, 'usr/bin/wanwire-probe'));
  // For the first line of the command.
  put('/usr/bin/env', join(to, 'usr/bin/env'));
  etc(to);
}

function fillTools(to) {
  put('/bin/busybox', join(to, 'bin/busybox'));
  const applets = execFileSync('/bin/busybox', ['--list'], { encoding: 'utf8' }).trim().split('\n');
  for (const one of applets) if (one !== 'busybox') symlinkSync('busybox', join(to, 'bin', one));
  etc(to);
}

/** Users have names, and there is a folder for what is temporary. */
function etc(to) {
  mkdirSync(join(to, 'etc'), { recursive: true });
  writeFileSync(join(to, 'etc/passwd'), 'root:x:0:0::/:\nnonroot:x:65532:65532::/:\n');
  writeFileSync(join(to, 'etc/group'), 'root:x:0:\nnonroot:x:65532:\n');
  mkdirSync(join(to, 'tmp'));
  chmodSync(join(to, 'tmp'), 0o1777);
}

/** The shared libraries a program is loaded with, the loader among them, by the names it looks for. */
function librariesOf(program) {
  const { stdout, stderr } = spawnSync('ldd', [program], { encoding: 'utf8' });
  if (stderr.includes('not a dynamic executable')) return [];
  const missing = /(\S+) => not found/.exec(stdout)?.[1];
  if (missing !== undefined) throw new Error(`${program} needs ${missing}, which is not here`);
  return [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, library]) => library);
}

/** Copy a file with its mode, what links to it resolved. */
function put(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(realpathSync(from), to);
  chmodSync(to, statSync(from).mode & 0o755);
}

/** An archive with one layer. */
function make(name, folder) {
  const { reference, fill, config } = images[name];
  const work = mkdtempSync(join(folder, `.${name}-`));
  try {
    const filled = join(work, 'root');
    mkdirSync(filled);
    for (const one of ['proc', 'sys', 'dev', 'run', 'bin']) mkdirSync(join(filled, one));
    fill(filled);
    const tar = tarOf(filled, '.');
    const oci = join(work, 'oci');
    mkdirSync(join(oci, 'blobs/sha256'), { recursive: true });
    const blob = (mediaType, bytes) => {
      const digest = createHash('sha256').update(bytes).digest('hex');
      writeFileSync(join(oci, 'blobs/sha256', digest), bytes);
      return { mediaType, digest: `sha256:${digest}`, size: bytes.length };
    };
    const text = (value) => Buffer.from(JSON.stringify(value));
    const media = 'application/vnd.oci.image';
    const platform = { architecture: architectures[process.arch] ?? process.arch, os: 'linux' };
    const layer = blob(`${media}.layer.v1.tar+gzip`, gzipSync(tar, { level: 1 }));
    const diff = createHash('sha256').update(tar).digest('hex');
    const about = blob(
      `${media}.config.v1+json`,
      text({ ...platform, config, rootfs: { type: 'layers', diff_ids: [`sha256:${diff}`] } }),
    );
    const manifest = blob(
      `${media}.manifest.v1+json`,
      text({
        schemaVersion: 2,
        mediaType: `${media}.manifest.v1+json`,
        config: about,
        layers: [layer],
      }),
    );
    const annotations = {
      'io.containerd.image.name': reference,
      'org.opencontainers.image.ref.name': reference.split(':')[1],
    };
    writeFileSync(join(oci, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    writeFileSync(
      join(oci, 'index.json'),
      text({ schemaVersion: 2, manifests: [{ ...manifest, platform, annotations }] }),
    );
    const archive = join(folder, `${name}.tar`);
    writeFileSync(join(work, 'archive'), tarOf(oci, 'oci-layout', 'index.json', 'blobs'));
    renameSync(join(work, 'archive'), archive);
    process.stdout.write(`${archive} ${statSync(archive).size} ${manifest.digest}\n`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Nothing of the machine or the hour is in it. */
function tarOf(folder, ...names) {
  const alike = [
    '--sort=name',
    '--mtime=@0',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--format=gnu',
  ];
  return execFileSync('tar', ['-C', folder, ...alike, '-cf', '-', ...names], {
    maxBuffer: 2 ** 30,
  });
}

const [folder, ...names] = process.argv.slice(2);
const wrong = names.find((name) => !(name in images));
if (folder === undefined || wrong !== undefined) {
  process.stderr.write(`usage: image.js FOLDER [${Object.keys(images).join('] [')}]\n`);
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
for (const name of names.length > 0 ? names : Object.keys(images)) make(name, folder);
