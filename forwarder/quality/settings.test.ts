// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { profiles } from './profiles.js';
import { settingsOf } from './settings.js';

const nothing = {
  intervalMs: undefined,
  detectionMs: undefined,
  holdDownMs: undefined,
  returnPerSecond: undefined,
};

t.test('a link without numbers of its own has those of its profile', (t) => {
  for (const profile of ['fixed', 'lte', 'satellite'] as const) {
    t.strictSame(settingsOf({ profile, quality: undefined }), profiles[profile]);
    t.strictSame(settingsOf({ profile, quality: nothing }), profiles[profile]);
  }
  t.end();
});

t.test("its own numbers go over the profile's, and others keep up with them", (t) => {
  const quality = { ...nothing, intervalMs: 5_000, holdDownMs: 900_000, returnPerSecond: 0 };
  t.strictSame(settingsOf({ profile: 'fixed', quality }), {
    ...profiles.fixed,
    intervalMs: 5_000,
    holdDownMs: 900_000,
    holdDownMaxMs: 900_000,
    returnPerSecond: 0,
    idleIntervalMs: 5_000,
  });
  t.end();
});
