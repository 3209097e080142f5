/**
 * Reservations as files: `<folder>/<address>` with the owner in it. The layout is that of the reference
 * host-local plugin, so that its users find what they know.
 *
 * There is no lock file and no index. A reservation appears with its owner in one atomic step (a finished
 * temporary file is linked to the name of the address, which fails when the name is taken), so two processes
 * cannot get the same address and a crash leaves either a whole reservation or none. An owner is found by
 * reading the reservations: a few hundred small files at most, and nothing that could disagree with them.
 */
import { linkSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatAddress, parseAddress } from '../lib/ipv4.js';
import type { Attachment } from '../lib/spec.js';

const lastGivenFile = 'last_reserved_ip.0';
const temporaryPrefix = '.new-';

export interface Reservation extends Attachment {
  readonly address: number;
}

/** The reservations of one network. Any number of processes may use the same folder at the same time. */
export class AddressStore {
  readonly #folder: string;
  #temporaryFiles = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** False when somebody has the address already. */
  reserve(address: number, owner: Attachment): boolean {
    mkdirSync(this.#folder, { recursive: true, mode: 0o755 });
    const temporary = this.#writeTemporary(`${owner.containerId}\r\n${owner.interfaceName}`);
    try {
      linkSync(temporary, join(this.#folder, formatAddress(address)));
    } catch (error) {
      if (hasCode(error, 'EEXIST')) return false;
      throw error;
    } finally {
      rmSync(temporary);
    }
    return true;
  }

  /** Gives back everything that the owner holds; nothing to give back is fine. */
  release(owner: Attachment): void {
    for (const reservation of this.list()) {
      if (isOwner(reservation, owner)) this.#remove(reservation.address);
    }
  }

  find(owner: Attachment): number | undefined {
    return this.list().find((reservation) => isOwner(reservation, owner))?.address;
  }

  list(): Reservation[] {
    let names: string[];
    try {
      names = readdirSync(this.#folder);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return [];
      throw error;
    }
    const reservations: Reservation[] = [];
    for (const name of names) {
      const address = parseAddress(name);
      if (address === undefined) continue;
      const content = this.#read(name);
      // Given back since the folder was listed.
      if (content === undefined) continue;
      const [containerId = '', interfaceName = ''] = content.split(/\r?\n/);
      reservations.push({ address, containerId, interfaceName });
    }
    return reservations;
  }

  /** Gives back what belongs to nobody in `valid`. */
  retainOnly(valid: readonly Attachment[]): void {
    for (const reservation of this.list()) {
      if (!valid.some((owner) => isOwner(reservation, owner))) this.#remove(reservation.address);
    }
  }

  /** A hint where to go on; any value, or none, is safe. */
  readLastGiven(): number | undefined {
    return parseAddress(this.#read(lastGivenFile)?.trim() ?? '');
  }

  writeLastGiven(address: number): void {
    renameSync(this.#writeTemporary(formatAddress(address)), join(this.#folder, lastGivenFile));
  }

  #writeTemporary(content: string): string {
    const path = join(this.#folder, `${temporaryPrefix}${process.pid}-${this.#temporaryFiles++}`);
    writeFileSync(path, content, { mode: 0o644 });
    return path;
  }

  #read(name: string): string | undefined {
    try {
      return readFileSync(join(this.#folder, name), 'utf8');
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  #remove(address: number): void {
    rmSync(join(this.#folder, formatAddress(address)), { force: true });
  }
}

function isOwner(reservation: Reservation, owner: Attachment): boolean {
  return reservation.containerId === owner.containerId && reservation.interfaceName === owner.interfaceName;
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}
