/** By which kubeconfig the one who typed a command reaches the cluster. */
import { accessSync, constants, existsSync } from 'node:fs';
import { UsageError } from '../../common/usage-error.js';
import { contextName } from '../layout.js';
import type { Layout } from '../layout.js';
import { kubeconfigOf } from '../processes.js';

export interface ChosenKubeconfig {
  readonly file: string;
  /** The file's current context where it is undefined. */
  readonly context: string | undefined;
}

/** The admin's file is for root alone; others use the context in their own. Throws UsageError when there is neither. */
export function chooseKubeconfig(layout: Layout): ChosenKubeconfig {
  const admin = kubeconfigOf(layout, 'admin');
  if (isReadable(admin)) return { file: admin, context: undefined };
  const personal = layout.settings.kubeconfig;
  if (existsSync(personal)) return { file: personal, context: contextName };
  throw new UsageError(`there is no cluster in ${layout.data.root} for you: knarr up makes one`);
}

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'EACCES') return false;
    throw error;
  }
}
