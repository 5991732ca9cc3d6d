// SPDX-License-Identifier: Apache-2.0
/** For `node --import`: TypeScript as sources.js compiled it, under its own name. */
import { register } from 'node:module';

register('./compiled-hooks.js', import.meta.url);
