// SPDX-License-Identifier: Apache-2.0
/** The containers and volumes that a pod with wires gets. */
import { spiffeFolder, type Settings, type VolumeKind } from './settings.js';

/** NSM's webhook gives them the same names. */
export const volumeNames = { spiffe: 'spire-agent-socket', nsm: 'nsm-socket' } as const;

/** What one pod's are made of. */
export interface ContainerWish {
  readonly settings: Settings;
  /** The annotation's text. */
  readonly wires: string;
  /** A pod's name may be another's, elsewhere or later: its UID goes with it. */
  readonly byUid: boolean;
}

/** A container that is injected, and where it goes. */
export interface Injected {
  readonly list: 'initContainers' | 'containers';
  readonly container: { readonly name: string; readonly env: readonly object[] };
}

/** All of them, in the order in which they start. */
export function containersFor(wish: ContainerWish): readonly Injected[] {
  const { initImages, images, native } = wish.settings;
  return [
    ...initImages.map((image) => ({
      list: 'initContainers' as const,
      container: containerOf(wish, image, 'nsc-init'),
    })),
    ...images.map((image) => ({
      list: native ? ('initContainers' as const) : ('containers' as const),
      container: {
        ...containerOf(wish, image, 'nsc'),
        ...(native ? { restartPolicy: 'Always' } : {}),
      },
    })),
  ];
}

/** What a variable is to hold so that the kubelet, which expands `$(NAME)` in it, makes `value` of it. */
export function literal(value: string): string {
  return value.replaceAll('$', '$$$$');
}

function containerOf(wish: ContainerWish, image: string, process: 'nsc-init' | 'nsc') {
  const base = baseName(image);
  const ours = base === 'wanwire';
  const { settings } = wish;
  return {
    name: ours ? process : base,
    image,
    ...(ours ? { args: [process] } : {}),
    env: variables(wish),
    resources: settings.resources,
    volumeMounts: [
      { name: volumeNames.spiffe, mountPath: spiffeFolder(settings), readOnly: true },
      { name: volumeNames.nsm, mountPath: settings.nsmFolder, readOnly: true },
    ],
    // What the pod security standard `restricted` asks for, and no more is needed.
    securityContext: {
      runAsNonRoot: true,
      runAsUser: settings.user,
      runAsGroup: settings.user,
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
  };
}

function variables({ settings, wires, byUid }: ContainerWish): readonly object[] {
  const field = (name: string, fieldPath: string) => ({
    name,
    valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } },
  });
  const own = new Set(['POD_NAME', 'POD_UID', 'NSM_NAME', settings.variable]);
  const envs = Object.entries(settings.envs).filter(([name]) => !own.has(name));
  const socket = Object.hasOwn(settings.envs, 'SPIFFE_ENDPOINT_SOCKET')
    ? []
    : [{ name: 'SPIFFE_ENDPOINT_SOCKET', value: settings.spiffeSocket }];
  return [
    ...envs.map(([name, value]) => ({ name, value: literal(value) })),
    ...socket,
    // Before those that name them.
    field('POD_NAME', 'metadata.name'),
    ...(byUid ? [field('POD_UID', 'metadata.uid')] : []),
    { name: 'NSM_NAME', value: byUid ? '$(POD_NAME)-$(POD_UID)' : '$(POD_NAME)' },
    { name: settings.variable, value: literal(wires) },
  ];
}

/** `registry:5000/team/cmd-nsc:v1@sha256:...` is `cmd-nsc`. */
function baseName(image: string): string {
  const last = image.slice(image.lastIndexOf('/') + 1);
  return last.replace(/[@:].*$/, '');
}

/** The volumes of the sockets. */
export function volumesFor(settings: Settings, kind: VolumeKind) {
  if (kind === 'csi') {
    const driver = (name: string) => ({ csi: { driver: name, readOnly: true } });
    return [
      { name: volumeNames.spiffe, ...driver('csi.spiffe.io') },
      { name: volumeNames.nsm, ...driver('csi.networkservicemesh.io') },
    ];
  }
  const folder = (path: string, type: string) => ({ hostPath: { path, type } });
  return [
    { name: volumeNames.spiffe, ...folder(spiffeFolder(settings), 'Directory') },
    { name: volumeNames.nsm, ...folder(settings.nsmFolder, 'Directory') },
  ];
}
