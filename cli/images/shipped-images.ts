/**
 * The images that Knarr brings itself, so that a first pod runs without any registry: the sandbox's pause image and
 * a small web server in two versions, all from the distribution's static busybox.
 */
import { buildImage, buildLayer } from './oci-image.js';
import type { BuiltImage, ImageFile } from './oci-image.js';

export const pauseImage = 'localhost/knarr/pause:1';

export interface Busybox {
  readonly binary: Buffer;
  /** Names of its commands, as `busybox --list` prints them. */
  readonly commands: readonly string[];
  readonly architecture: string;
}

/**
 * Holds a pod's namespaces open. As PID 1 a process gets only signals that it asked for, hence the trap; waiting
 * for any child reaps orphans of pods that share their process namespace.
 */
const pauseCommand = [
  '/bin/busybox',
  'sh',
  '-c',
  'trap "exit 0" TERM INT; while :; do /bin/busybox sleep 2147483647 & wait $!; done',
];

/**
 * Serves /www on port 8080 and writes a line for each request to /var/log/web/access.log (where a second container
 * may follow it) and to its standard output.
 */
const webStart = `#!/bin/sh
name=\${POD_NAME:-$(hostname)}
mkdir -p /var/log/web
echo "\${GREETING:-Hello} from $name, web version $WEB_VERSION" > /www/index.html
echo "$name" > /www/hostname
[ -p /run/requests ] || mkfifo /run/requests
echo "web version $WEB_VERSION listens on port 8080"
tee -a /var/log/web/access.log < /run/requests &
httpd -f -vv -p 8080 -h /www 2> /run/requests &
server=$!
trap 'kill $server; exit 0' TERM INT
wait $server
`;

/** Builds pause:1, web:1 and web:2. The same busybox gives the same digests. */
export async function buildShippedImages(busybox: Busybox): Promise<BuiltImage[]> {
  const base = await buildLayer([
    { type: 'directory', path: 'bin' },
    { type: 'file', path: 'bin/busybox', mode: 0o755, content: busybox.binary },
  ]);
  const web = await buildLayer(webFiles(busybox.commands));
  const { architecture } = busybox;
  return [
    buildImage({ name: pauseImage, layers: [base], architecture, config: { Entrypoint: pauseCommand } }),
    ...['1', '2'].map((version) =>
      buildImage({
        name: `localhost/knarr/web:${version}`,
        layers: [base, web],
        architecture,
        config: {
          Cmd: ['/start'],
          Env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', `WEB_VERSION=${version}`],
          WorkingDir: '/',
          ExposedPorts: { '8080/tcp': {} },
        },
      }),
    ),
  ];
}

function webFiles(commands: readonly string[]): ImageFile[] {
  return [
    ...['etc', 'proc', 'sys', 'dev', 'run', 'root', 'usr', 'usr/bin', 'var', 'var/log', 'var/log/web'].map(
      (path) => ({ type: 'directory', path }) as const,
    ),
    { type: 'directory', path: 'tmp', mode: 0o1777 },
    { type: 'directory', path: 'www' },
    {
      type: 'file',
      path: 'etc/passwd',
      content: 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n',
    },
    { type: 'file', path: 'etc/group', content: 'root:x:0:\nnogroup:x:65534:\n' },
    { type: 'file', path: 'start', mode: 0o755, content: webStart },
    ...commands
      .filter((command) => command !== 'busybox')
      .sort()
      .map((command) => ({ type: 'symlink', path: `bin/${command}`, target: 'busybox' }) as const),
  ];
}
