// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { statSync } from 'node:fs';
import {
  interfaceNameFault,
  interfaceNameFor,
  kernelMechanism,
  ownNamespaceUrl,
} from './kernel-mechanism.js';

t.test('a namespace is named by device and inode', (t) => {
  const { dev, ino } = statSync('/proc/self/ns/net', { bigint: true });
  t.equal(ownNamespaceUrl(), `inode://${dev.toString()}/${ino.toString()}`);
  t.throws(() => ownNamespaceUrl('/proc/self/ns/none'), { code: 'ENOENT' });
  t.end();
});

t.test('names that Linux takes, and those it does not', (t) => {
  for (const name of ['nsm-1', 'a', 'fifteen-letters', 'a.b_c@d', 'eth0']) {
    t.equal(interfaceNameFault(name), undefined, name);
  }
  const faults: Record<string, RegExp> = {
    '': /is empty/,
    'sixteen-letters-': /has 16 characters/,
    éééééééé: /has 16 characters/,
    'a b': /contains " "/,
    'a/b': /contains "\/"/,
    'a:b': /contains ":"/,
    'a%d': /contains "%"/,
    'a\u0000b': /contains/,
    é: /contains "é"/,
    lo: /taken by the system/,
    '..': /taken by the system/,
  };
  for (const [name, fault] of Object.entries(faults)) {
    t.match(interfaceNameFault(name), fault, JSON.stringify(name));
  }
  t.end();
});

t.test('a name where nobody gave one is right, and that of its connection', (t) => {
  for (const service of ['hello', 'icmp-responder@cloud.example', 'äöü', '%:/', '']) {
    const name = interfaceNameFor(service, 'nsc-0');
    t.equal(interfaceNameFault(name), undefined, name);
    t.equal(interfaceNameFor(service, 'nsc-0'), name);
    t.not(interfaceNameFor(service, 'nsc-1'), name);
  }
  t.match(interfaceNameFor('icmp-responder', 'nsc-0'), /^icmp-respo-[0-9a-f]{4}$/);
  t.end();
});

t.test('a mechanism keeps its own copy of the parameters', (t) => {
  const parameters = Object.freeze({ name: 'nsm-1' });
  const mechanism = kernelMechanism(parameters);
  t.match(mechanism, { cls: 'LOCAL', type: 'KERNEL', parameters });
  t.not(mechanism.parameters, parameters);
  t.end();
});
