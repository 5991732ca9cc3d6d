// SPDX-License-Identifier: Apache-2.0
/**
 * A machine within the machine, for a node of Kubernetes: process, mount, cgroup, host name and IPC
 * namespaces of its own in a network namespace that is there. What its programs write to /etc and /var
 * stays in one folder, /run is in memory, BPF pins and cgroups are its own. Its first process ends with
 * us, and everything else in it with that one: nothing is left.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { built } from '../built.js';
import { LabError } from '../file/mistakes.js';
import { child, type Child } from './child.js';
import { cgroupFolders, removeCgroups } from './cgroups.js';

/** How it is made. */
export interface BoxOptions {
  /** Its host name. */
  readonly name: string;
  /** /run/netns/NAME. */
  readonly netns: string;
  /** What is written to its disk; a box that is made in it again finds what was written. */
  readonly folder: string;
}

/** One that runs. */
export interface Box {
  /** Of its first process. */
  readonly pid: number;
  /** Start a program in it. */
  start(what: {
    readonly name: string;
    readonly program: string;
    readonly args: readonly string[];
    readonly log: string;
  }): Promise<Child>;
  /** Run a program in it; resolves to what it printed, rejects with what it complained of. */
  exec(program: string, ...args: readonly string[]): Promise<string>;
  /** End it at once, as when the power fails: memory and pins are gone, the folder stays. */
  stop(): Promise<void>;
}

/** Make it. */
export async function openBox({ name, netns, folder }: BoxOptions): Promise<Box> {
  const cgroups = await cgroupFolders(`wanwire-${name}-${String(process.pid)}`);
  await mkdir(folder, { recursive: true });
  // The last in its line: namespaces are made for its child, which ends with it.
  const first = spawn(
    'setpriv',
    [
      ...['--pdeathsig', 'KILL', '--', 'nsenter', `--net=${netns}`, '--'],
      ...[
        'sh',
        '-euc',
        `${join_}\nexec unshare ${namespaces.join(' ')} sh -euc "$0" box "$@"`,
        inside,
      ],
      ...[cgroups.join(' '), name, folder, built('#pause')],
    ],
    { env: { PATH: path }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const stop = async (): Promise<void> => {
    await end(first);
    await removeCgroups(cgroups);
  };
  try {
    const pid = await pidOf(first);
    const enter = ['--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup'];
    const line = (program: string, args: readonly string[]): string[] => [
      ...['-euc', `${join_}\nexec nsenter --target ${String(pid)} ${enter.join(' ')} -- "$@"`],
      // With a process namespace of its own nsenter waits for what it starts, which then ends with it.
      ...['sh', cgroups.join(' '), 'setpriv', '--pdeathsig', 'KILL', '--', program, ...args],
    ];
    return {
      pid,
      start: ({ program, args, ...rest }) =>
        child({ ...rest, program: 'sh', args: line(program, args), stopBy: 'SIGKILL' }),
      exec: (program, ...args) => run(line(program, args)),
      stop,
    };
  } catch (reason) {
    await stop();
    throw reason;
  }
}

const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const namespaces = ['--mount', '--uts', '--ipc', '--pid', '--cgroup', '--fork', '--kill-child'];

/** Joins the cgroups of $1, and drops that word. */
const join_ = `for one in $1; do echo 0 >"$one/cgroup.procs"; done; shift`;

/**
 * The kubelet sets what is one for the whole machine: it gets stand-ins. `boot_id` is another one
 * each time, by which the kubelet knows that the node was started anew.
 */
const inside = `
name=$1 folder=$2 pause=$3
read -r pid rest </proc/self/stat
hostname "$name"
mount --make-rprivate /
mount -t proc -o nosuid,nodev,noexec proc /proc
fs=$(grep -E ' /sys/fs/cgroup[^ ]* cgroup ' /proc/mounts || true)
mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
if [ -n "$fs" ]; then
  mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
  echo "$fs" | while read -r what at type options more; do
    own=$(echo "$options" | tr , '\\n' | grep -vxE 'rw|ro|relatime|noatime|nosuid|nodev|noexec|xattr|seclabel|release_agent=.*|clone_children' | paste -sd,)
    mkdir -p "$at"
    mount -t cgroup -o "$(echo "$own" | sed 's/^name=/none,name=/')" cgroup "$at"
  done
else
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  mkdir -p /sys/fs/cgroup/node
  echo 0 >/sys/fs/cgroup/node/cgroup.procs
  for one in $(cat /sys/fs/cgroup/cgroup.controllers); do echo "+$one" >/sys/fs/cgroup/cgroup.subtree_control || true; done
fi
mount -t bpf -o mode=700 bpf /sys/fs/bpf
mount -t tmpfs -o mode=755 run /run
mkdir -p "$folder/memory"
disk=$folder
for one in etc var; do
  mkdir -p "$disk/$one" "$disk/$one.work"
  mount -t overlay -o "lowerdir=/$one,upperdir=$disk/$one,workdir=$disk/$one.work" overlay "/$one"
done
# Overlays do not stand upon each other: containers and volumes are beside them.
for one in var/lib/containerd var/lib/kubelet var/lib/wanwire var/lib/networkservicemesh; do
  mkdir -p "$disk/disk/$one" "/$one"
  mount --bind "$disk/disk/$one" "/$one"
done
mkdir -p /run/boot
for one in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
  file=/run/boot/$(echo "$one" | tr / _)
  cat "/proc/sys/$one" >"$file"
  mount --bind "$file" "/proc/sys/$one"
done
cat /proc/sys/kernel/random/uuid >/run/boot/boot_id
mount --bind /run/boot/boot_id /proc/sys/kernel/random/boot_id
mount --make-rshared /
echo "$pid"
exec "$pause" >/dev/null 2>&1
`;

async function pidOf(first: ChildProcess): Promise<number> {
  let complaint = '';
  first.stderr?.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  if (first.stdout === null) throw new LabError('no pipe');
  const lines = createInterface({ input: first.stdout });
  const [said] = await Promise.race([
    once(lines, 'line') as Promise<[string]>,
    once(first, 'close').then(() => ['']),
  ]);
  lines.close();
  const pid = Number(said);
  if (!(pid > 0)) throw new LabError(`no node can be made here: ${complaint.trim()}`);
  return pid;
}

async function end(first: ChildProcess): Promise<void> {
  if (first.exitCode !== null || first.signalCode !== null) return;
  const gone = once(first, 'exit');
  first.kill('SIGKILL');
  await gone;
}

async function run(args: readonly string[]): Promise<string> {
  const child = spawn('sh', args, { env: { PATH: path }, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  let complaint = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code === 0) return said;
  throw new LabError(
    `${args.slice(7).join(' ')}: ${complaint.trim() || `exit code ${String(code)}`}`,
  );
}
