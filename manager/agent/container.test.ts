// SPDX-License-Identifier: Apache-2.0
/** Which container a process is in, by cgroups as kubelets make them. */
import t from 'tap';
import { containerOf } from './container.js';

const id = 'c0ffee'.repeat(11).slice(0, 64);
const other = 'ab'.repeat(32);
const podUid = '0f4f2a7e-9d5c-4a4e-8a30-3f7b1c6f2d11';
const under = podUid.replaceAll('-', '_');

const texts: readonly (readonly [name: string, text: string, found: object | undefined])[] = [
  [
    'cgroup 2, systemd, containerd',
    `0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${under}.slice/cri-containerd-${id}.scope`,
    { podUid, id },
  ],
  [
    'cgroup 2, systemd, guaranteed, CRI-O',
    `0::/kubepods.slice/kubepods-pod${under}.slice/crio-${id}.scope`,
    { podUid, id },
  ],
  [
    'cgroup 2, systemd, CRI-O with a cgroup of its own within',
    `0::/kubepods.slice/kubepods-pod${under}.slice/crio-${id}.scope/container`,
    { podUid, id },
  ],
  ['cgroup 2, cgroupfs', `0::/kubepods/besteffort/pod${podUid}/${id}`, { podUid, id }],
  [
    'seen from another container',
    `0::/../../kubepods-pod${under}.slice/cri-containerd-${id}.scope`,
    { podUid, id },
  ],
  ['of our own pod', `0::/../cri-containerd-${id}.scope`, { podUid: undefined, id }],
  ['without cgroups for pods', `0::/k8s.io/${id}`, { podUid: undefined, id }],
  [
    'cgroup 1, cgroupfs',
    `12:cpu,cpuacct:/kubepods/pod${podUid}/${id}\n1:name=systemd:/kubepods/pod${podUid}/${id}`,
    { podUid, id },
  ],
  ['cgroup 1 without systemd', `5:memory:/k8s.io/${id}\n0::/`, { podUid: undefined, id }],
  [
    'cgroup 1, systemd with colons',
    `1:name=systemd:/kubelet.slice/kubelet-kubepods-pod${under}.slice:cri-containerd:${id}`,
    { podUid: undefined, id },
  ],
  [
    'a static pod',
    `0::/kubepods/burstable/pod${other.slice(0, 32)}/${id}`,
    { podUid: other.slice(0, 32), id },
  ],
  [
    'what a container makes beneath its own cgroup',
    `0::/kubepods/pod${podUid}/${id}/kubepods/pod11111111-1111-1111-1111-111111111111/${other}`,
    { podUid, id },
  ],
  ['docker in it', `0::/kubepods/pod${podUid}/${id}/docker/${other}`, { podUid, id }],
  ['a pod’s cgroup, no container', `0::/kubepods/pod${podUid}`, { podUid, id: undefined }],
  ['a service', '0::/system.slice/kubelet.service', undefined],
  ['a service of like name', `0::/system.slice/pod-${id}.service`, undefined],
  ['a login', '1:name=systemd:/user.slice/user-0.slice/session-1.scope', undefined],
  ['nothing', '', undefined],
];

for (const [name, text, found] of texts) t.same(containerOf(`${text}\n`), found, name);
