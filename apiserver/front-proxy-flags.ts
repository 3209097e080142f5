/** Flags of proxies that may say who is asking, and of the certificate with which this server is one to those behind it. */
import type { Command } from 'commander';
import { readFlagFile } from '../common/read-flags.js';
import { UsageError } from '../common/usage-error.js';
import type { ApiServerOptions } from './server.js';

export interface FrontProxyFlags {
  requestheaderClientCaFile?: string;
  requestheaderAllowedNames: string;
  requestheaderUsernameHeaders: string;
  requestheaderUidHeaders: string;
  requestheaderGroupHeaders: string;
  requestheaderExtraHeadersPrefix: string;
  proxyClientCertFile?: string;
  proxyClientKeyFile?: string;
}

export function declareFrontProxyFlags(command: Command): Command {
  return command
    .option('--requestheader-client-ca-file <file>', 'CA of proxies that say who is asking, PEM')
    .option('--requestheader-allowed-names <names>', 'common names of such proxies; any when empty', '')
    .option('--requestheader-username-headers <names>', 'headers with the name of the user', '')
    .option('--requestheader-uid-headers <names>', 'headers with the UID of the user', '')
    .option('--requestheader-group-headers <names>', 'headers with a group of the user', '')
    .option('--requestheader-extra-headers-prefix <prefixes>', 'how headers with more begin', '')
    .option('--proxy-client-cert-file <file>', 'client certificate for API servers behind this one, PEM')
    .option('--proxy-client-key-file <file>', 'its key, PEM');
}

/** Throws UsageError. */
export function readFrontProxyFlags(
  flags: FrontProxyFlags,
): Pick<ApiServerOptions, 'frontProxy' | 'proxyCertificate'> {
  return { ...readProxyCertificate(flags), ...readFrontProxy(flags) };
}

function readFrontProxy(flags: FrontProxyFlags): Pick<ApiServerOptions, 'frontProxy'> {
  const file = flags.requestheaderClientCaFile;
  const usernameHeaders = listOf(flags.requestheaderUsernameHeaders);
  if (file === undefined) return {};
  if (usernameHeaders.length === 0)
    throw new UsageError(
      '--requestheader-client-ca-file needs --requestheader-username-headers, as X-Remote-User',
    );
  return {
    frontProxy: {
      clientCa: readFlagFile('--requestheader-client-ca-file', file),
      allowedNames: listOf(flags.requestheaderAllowedNames),
      usernameHeaders,
      uidHeaders: listOf(flags.requestheaderUidHeaders),
      groupHeaders: listOf(flags.requestheaderGroupHeaders),
      extraHeaderPrefixes: listOf(flags.requestheaderExtraHeadersPrefix),
    },
  };
}

function readProxyCertificate(flags: FrontProxyFlags): Pick<ApiServerOptions, 'proxyCertificate'> {
  const { proxyClientCertFile: cert, proxyClientKeyFile: key } = flags;
  if (cert === undefined && key === undefined) return {};
  if (cert === undefined || key === undefined)
    throw new UsageError('--proxy-client-cert-file and --proxy-client-key-file go together');
  return {
    proxyCertificate: {
      cert: readFlagFile('--proxy-client-cert-file', cert),
      key: readFlagFile('--proxy-client-key-file', key),
    },
  };
}

function listOf(text: string): readonly string[] {
  return text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}
