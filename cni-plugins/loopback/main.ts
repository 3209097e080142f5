/** The executable `loopback` of the CNI plugin folder. */
import { runOneShot } from '../lib/one-shot.js';
import { loopback } from './loopback.js';

process.exitCode = await runOneShot(loopback, process.env);
