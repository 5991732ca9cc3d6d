// SPDX-License-Identifier: Apache-2.0
/** A real API server of a lab: it answers its admin, knows rights, and comes again with everything. */
import { access } from 'node:fs/promises';
import t from 'tap';
import { apiServer, noKube } from '../../test/stage/kube.js';

t.test('an API server', { skip: await noKube() }, async (t) => {
  const plane = await apiServer(t);
  t.match(await plane.kubectl(['version', '-o', 'json']), /"gitVersion": "v1\.36\.3"/);
  await plane.kubectl(['create', 'configmap', 'kept', '--from-literal=a=b']);
  const nobody = await plane.user('nobody', ['strangers']);
  await t.rejects(
    plane.kubectl([`--kubeconfig=${nobody}`, 'get', 'pods']),
    /User "nobody" cannot list resource "pods"/,
    'RBAC is on',
  );
  await t.rejects(
    plane.kubectl(['apply', '-f', '-'], JSON.stringify(privileged)),
    /violates PodSecurity "restricted:latest"/,
    'and Pod Security',
  );
  await plane.stopApiServer();
  await t.rejects(plane.kubectl(['get', 'configmap', 'kept']), /refused/);
  await plane.startApiServer();
  t.match(await plane.kubectl(['get', 'configmap', 'kept', '-o', 'name']), 'configmap/kept');
  await plane.stop();
  await t.rejects(access(plane.folder), 'its folder is gone');
});

const privileged = {
  apiVersion: 'v1',
  kind: 'List',
  items: [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: 'narrow',
        labels: { 'pod-security.kubernetes.io/enforce': 'restricted' },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'default', namespace: 'narrow' },
    },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'wide', namespace: 'narrow' },
      spec: { hostNetwork: true, containers: [{ name: 'a', image: 'a' }] },
    },
  ],
};
