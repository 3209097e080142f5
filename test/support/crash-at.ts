/**
 * Lets this process die as by a power cut at its n-th change of a file: before it is done, or, of a write, when a
 * part of it is. Imported first, before what is to be tested, by the program that dies.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

export function crashAt(step: number, isMidway: boolean): void {
  let count = 0;
  const isTime = (): boolean => ++count === step;
  const die = (): void => {
    process.kill(process.pid, 'SIGKILL');
  };
  const { writev, ftruncate } = fs;
  const writevThenDie = (file: number, pieces: NodeJS.ArrayBufferView[], at: number, done: never): void => {
    if (!isTime()) {
      writev(file, pieces, at, done);
      return;
    }
    if (isMidway) {
      const bytes = Buffer.concat(pieces as Buffer[]);
      fs.writeSync(file, bytes, 0, Math.floor(bytes.length / 2), at);
    }
    die();
  };
  fs.writev = writevThenDie as unknown as typeof fs.writev;
  fs.ftruncate = ((file: number, length: number, done: fs.NoParamCallback) => {
    if (isTime()) die();
    else ftruncate(file, length, done);
  }) as unknown as typeof fs.ftruncate;
  for (const name of ['rename', 'rm'] as const) {
    const real = fs.promises[name] as (...args: unknown[]) => Promise<void>;
    const replaced = (...args: unknown[]): Promise<void> => {
      if (!isTime()) return real(...args);
      die();
      return new Promise(() => undefined);
    };
    fs.promises[name] = replaced;
  }
  syncBuiltinESMExports();
}
