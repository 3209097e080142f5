/**
 * The executable that the container runtime starts for each call: a shell script, because a shell starts in a
 * millisecond and Node in twenty-five. It asks the daemon and, only when nothing listens at the socket, runs the
 * plugin itself.
 */
import { passedVariables } from '../daemon/protocol.js';

export interface LauncherScriptOptions {
  readonly plugin: string;
  /** Node's executable and the compiled `main.js` of the plugin. */
  readonly nodePath: string;
  readonly mainPath: string;
  /** Where the daemon listens; absent: always a process of its own. */
  readonly daemon?: {
    readonly socketPath: string;
    /** OpenBSD's netcat, the one that knows Unix sockets and `-N`. */
    readonly netcatPath: string;
    /** How long a daemon that accepted a call may take. */
    readonly timeoutSeconds: number;
  };
  /** Gets a line whenever the daemon was down. */
  readonly logFile?: string;
}

/** Quotes for the shell: between single quotes everything is literal but the single quote. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

export function launcherScript(options: LauncherScriptOptions): string {
  const run = `${quote(options.nodePath)} ${quote(options.mainPath)}`;
  const head = `#!/bin/sh
# The CNI plugin "${options.plugin}" of Knarr. Written by cni-plugins/install: changes are overwritten.
# Node would read these certificates at each start, for a program that opens no connection.
unset NODE_EXTRA_CA_CERTS
`;
  if (options.daemon === undefined) return `${head}exec ${run}\n`;
  const { socketPath, netcatPath, timeoutSeconds } = options.daemon;
  const log =
    options.logFile === undefined
      ? ''
      : `echo "$(date -Is) ${options.plugin} $CNI_COMMAND $CNI_CONTAINERID: no CNI daemon, ran alone" >>${quote(options.logFile)}\n  `;
  return `${head}
# stdin into a variable: it may be needed twice, and a built-in costs less than a process.
config=
while IFS= read -r line; do
  config=$config$line'
'
done
config=$config$line

answer=$(${quote(netcatPath)} -N -U -w ${timeoutSeconds} ${quote(socketPath)} 2>/dev/null <<END
${options.plugin}
${passedVariables.map((name) => `${name}=$${name}`).join('\n')}

$config
END
)
case $?$answer in
00) ;;
00*) printf '%s\\n' "\${answer#0}" ;;
01*) printf '%s\\n' "\${answer#1}"; exit 1 ;;
# Nothing listens: the daemon is down, and nobody else can be working on this call.
1)
  ${log}printf '%s' "$config" | ${run}
  ;;
# It accepted the call and may still be working on it. Doing the work here as well would race with it.
*)
  echo '{"cniVersion":"1.0.0","code":11,"msg":"the CNI daemon took the call but did not answer: try again later"}'
  exit 1
  ;;
esac
`;
}
