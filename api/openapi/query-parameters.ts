/** The query parameters of each verb. kubectl looks here for what a server can do: `dryRun`, `fieldValidation`. */

export interface QueryParameter {
  readonly name: string;
  readonly type: 'string' | 'boolean' | 'integer';
  readonly description: string;
}

const text = (name: string, description: string): QueryParameter => ({ name, type: 'string', description });
const flag = (name: string, description: string): QueryParameter => ({ name, type: 'boolean', description });
const count = (name: string, description: string): QueryParameter => ({ name, type: 'integer', description });

export const prettyParameter = text('pretty', 'true asks for output that people can read.');

const dryRun = text('dryRun', 'All does everything but store the result.');

export const createParameters: readonly QueryParameter[] = [
  dryRun,
  text('fieldManager', 'Name under which the change is recorded.'),
  text(
    'fieldValidation',
    'What to do about unknown and duplicate fields: Ignore, Warn (the default) or Strict.',
  ),
];

export const patchParameters: readonly QueryParameter[] = [
  ...createParameters,
  flag('force', 'Take over fields that others manage; for apply patches only.'),
];

export const deleteParameters: readonly QueryParameter[] = [
  dryRun,
  count('gracePeriodSeconds', 'Seconds that the object may take to end; 0 deletes at once.'),
  flag('orphanDependents', 'Superseded by propagationPolicy.'),
  text('propagationPolicy', 'What happens to dependents: Orphan, Background or Foreground.'),
];

export const listParameters: readonly QueryParameter[] = [
  flag('allowWatchBookmarks', 'Send events that only say how far a watch has come.'),
  text('continue', 'Token of a former answer, to go on from there.'),
  text('fieldSelector', 'Only objects with these field values.'),
  text('labelSelector', 'Only objects with these labels.'),
  count('limit', 'At most so many objects in one answer.'),
  text('resourceVersion', 'How fresh the answer must be, or where a watch begins.'),
  text('resourceVersionMatch', 'How resourceVersion is meant: Exact or NotOlderThan.'),
  flag('sendInitialEvents', 'Begin a watch with the objects that there are.'),
  count('timeoutSeconds', 'End the call after so many seconds.'),
  flag('watch', 'Go on with a stream of changes.'),
];

export const logParameters: readonly QueryParameter[] = [
  text('container', 'Which container; may be left out when there is only one.'),
  flag('follow', 'Go on with what is written from now on.'),
  flag('insecureSkipTLSVerifyBackend', 'Do not check the certificate of the kubelet.'),
  count('limitBytes', 'At most so many bytes.'),
  flag('previous', 'The container before its last restart.'),
  count('sinceSeconds', 'Not older than so many seconds.'),
  text('sinceTime', 'Not older than this time.'),
  text('stream', 'All, Stdout or Stderr.'),
  count('tailLines', 'The last so many lines.'),
  flag('timestamps', 'With the time in front of each line.'),
];

export const attachParameters: readonly QueryParameter[] = [
  text('container', 'Which container; may be left out when there is only one.'),
  flag('stderr', 'Connect the standard error.'),
  flag('stdin', 'Connect the standard input.'),
  flag('stdout', 'Connect the standard output.'),
  flag('tty', 'Give the command a terminal.'),
];

export const execParameters: readonly QueryParameter[] = [
  text('command', 'The command and its arguments, each as a parameter of its own.'),
  ...attachParameters,
];

export const portForwardParameters: readonly QueryParameter[] = [
  count('ports', 'Ports to forward, for WebSocket clients.'),
];

export const proxyParameters: readonly QueryParameter[] = [
  text('path', 'Path at the backend; what follows the subresource in the URL stands before it.'),
];
