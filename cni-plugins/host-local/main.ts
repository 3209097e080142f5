/** The executable `host-local` of the CNI plugin folder. */
import { runOneShot } from '../lib/one-shot.js';
import { hostLocal } from './host-local.js';

process.exitCode = await runOneShot(hostLocal, process.env);
