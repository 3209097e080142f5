/** Who typed the command: with sudo, files in a home folder belong to that person and not to root. */
import { chown } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

export interface Person {
  readonly home: string;
  /** Undefined where files are to stay with whoever runs the process. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
}

/** `environment` is the process's; `passwd` the text of /etc/passwd. */
export function personOf(environment: NodeJS.ProcessEnv, passwd: string): Person {
  const { SUDO_USER: user, SUDO_UID: uid, SUDO_GID: gid } = environment;
  if (user === undefined || user === 'root' || uid === undefined || gid === undefined) {
    return { home: environment['HOME'] ?? homedir(), owner: undefined };
  }
  const entry = passwd.split('\n').find((line) => line.startsWith(`${user}:`));
  const home = entry?.split(':')[5];
  if (home === undefined) throw new Error(`SUDO_USER is ${user}, whom /etc/passwd does not know`);
  return { home, owner: { uid: Number(uid), gid: Number(gid) } };
}

export function currentPerson(environment: NodeJS.ProcessEnv): Person {
  return personOf(environment, readFileSync('/etc/passwd', 'utf8'));
}

/** The kubeconfig that kubectl would use: the first of $KUBECONFIG, else ~/.kube/config. */
export function personalKubeconfig(environment: NodeJS.ProcessEnv, person: Person): string {
  const first = environment['KUBECONFIG']?.split(delimiter).find((file) => file !== '');
  return first ?? join(person.home, '.kube', 'config');
}

export async function giveTo(person: Person, file: string): Promise<void> {
  if (person.owner !== undefined) await chown(file, person.owner.uid, person.owner.gid);
}
