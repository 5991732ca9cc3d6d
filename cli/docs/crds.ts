// SPDX-License-Identifier: Apache-2.0
/** CustomResourceDefinitions as files for `kubectl apply` and for the chart. */
import { stringify } from 'yaml';
import { definitions } from '../../api/crd/kinds.js';

const folder = 'deploy/kustomize/crds';
/** Helm reads no file outside of its chart, and a link to one does not survive every way to copy a repository. */
const folders = [folder, 'deploy/helm/crds'];
const head = `# SPDX-License-Identifier: Apache-2.0
# Made from api/crd by \`npm run build:docs\`.
`;

/** Each file's path and text. */
export function crdFiles(): ReadonlyMap<string, string> {
  const files = Object.entries(definitions).flatMap(([name, definition]) => {
    const style = { lineWidth: 0, singleQuote: true, aliasDuplicateObjects: false } as const;
    const text = head + stringify(definition, style);
    return folders.map((one) => [`${one}/${name}`, text] as const);
  });
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: Object.keys(definitions),
  };
  return new Map([...files, [`${folder}/kustomization.yaml`, head + stringify(kustomization)]]);
}
