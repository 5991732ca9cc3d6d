// SPDX-License-Identifier: Apache-2.0
/** Writes the files by which a user of a cluster is known to it. */
import { writeFile } from 'node:fs/promises';
import type { ClusterAuthority, Subject } from './certificates.js';

/** Write a kubeconfig with the user's certificate in it; only root may read it. */
export async function writeKubeconfig(
  path: string,
  authority: ClusterAuthority,
  url: string,
  subject: Subject,
): Promise<string> {
  const pair = await authority.issue(subject);
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'lab',
        cluster: { server: url, 'certificate-authority-data': base64(authority.certificate) },
      },
    ],
    users: [
      {
        name: subject.name,
        user: {
          'client-certificate-data': base64(pair.certificate),
          'client-key-data': base64(pair.key),
        },
      },
    ],
    contexts: [{ name: 'lab', context: { cluster: 'lab', user: subject.name } }],
    'current-context': 'lab',
  };
  // JSON is YAML, too.
  await writeFile(path, `${JSON.stringify(config, undefined, 2)}\n`, { mode: 0o600 });
  return path;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
