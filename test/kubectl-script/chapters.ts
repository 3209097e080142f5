/** The chapters, in the order in which they run. */
import { newestAndOldestKubectl } from '../support/kubectl.js';
import { apply } from './chapters/apply.js';
import { auth } from './chapters/auth.js';
import { create } from './chapters/create.js';
import { deletion } from './chapters/delete.js';
import { discovery } from './chapters/discovery.js';
import { everyday } from './chapters/everyday.js';
import { get } from './chapters/get.js';
import { kinds } from './chapters/kinds.js';
import { nodes } from './chapters/nodes.js';
import { patch } from './chapters/patch.js';
import { rollout } from './chapters/rollout.js';
import { wait } from './chapters/wait.js';
import type { Chapter } from './step.js';

/** What lies between the oldest and the newest version differs little: the details are left to these two. */
const details = [discovery, nodes, create, apply, patch, rollout, get, kinds, wait, auth, deletion].map(
  ({ name, steps }): Chapter => ({
    name,
    steps: steps.map((step) => ({ only: newestAndOldestKubectl, ...step })),
  }),
);

export const chapters: readonly Chapter[] = [everyday, ...details];
