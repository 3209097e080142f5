/** Reads the values of flags, the same way in every process. Each throws UsageError that names the flag. */
import { readFileSync } from 'node:fs';
import { parseDurationMs } from './duration.js';
import { UsageError } from './usage-error.js';

/** 0 lets the kernel choose. */
export function readPort(flag: string, text: string): number {
  const port = Number(text);
  if (text.trim() === '' || !Number.isInteger(port) || port < 0 || port > 65_535)
    throw new UsageError(`${flag}: "${text}" is not a port`);
  return port;
}

/** `true` and `false`; a flag given without a value is true. */
export function readBoolean(flag: string, value: string | boolean): boolean {
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw new UsageError(`${flag}: "${value}" is neither true nor false`);
}

export function readWholeNumber(flag: string, text: string): number {
  if (!/^\d+$/.test(text)) throw new UsageError(`${flag}: "${text}" is not a whole number`);
  return Number(text);
}

/** Milliseconds of a duration as Go writes it: `40s`, `1m30s`, `500ms`. */
export function readDurationMs(flag: string, text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined) throw new UsageError(`${flag}: "${text}" is not a duration such as 40s or 1m30s`);
  return ms;
}

/** The text of the file that the flag names. */
export function readFlagFile(flag: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${flag}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

/** The certificate of a health port; undefined when it is to speak plain HTTP. */
export function readServingCertificate(flags: {
  readonly tlsCertFile?: string;
  readonly tlsPrivateKeyFile?: string;
}): { readonly cert: string; readonly key: string } | undefined {
  const { tlsCertFile, tlsPrivateKeyFile } = flags;
  if (tlsCertFile === undefined && tlsPrivateKeyFile === undefined) return undefined;
  if (tlsCertFile === undefined || tlsPrivateKeyFile === undefined)
    throw new UsageError('--tls-cert-file and --tls-private-key-file belong together: give both');
  return {
    cert: readFlagFile('--tls-cert-file', tlsCertFile),
    key: readFlagFile('--tls-private-key-file', tlsPrivateKeyFile),
  };
}
