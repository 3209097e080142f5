/** The executable `bridge` of the CNI plugin folder. */
import { runOneShot } from '../lib/one-shot.js';
import { createBridgePlugin } from './bridge.js';

process.exitCode = await runOneShot(createBridgePlugin(), process.env);
