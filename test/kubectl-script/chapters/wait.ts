import { step } from '../step.js';
import type { Chapter } from '../step.js';

/** Waiting, watching, and what happened meanwhile. */
export const wait: Chapter = {
  name: 'wait',
  steps: [
    step('run', 'run one --image=localhost/knarr/web:1'),
    step('ready', 'wait --for=condition=Ready pod/one --timeout=20s'),
    step('ready-false', 'wait --for=condition=Ready=false pod/one --timeout=1s', { exit: 1 }),
    step('phase', "wait --for=jsonpath='{.status.phase}'=Running pod/one --timeout=20s", { from: 'v1.24' }),
    step('any-value', "wait --for=jsonpath='{.status.podIP}' pod/one --timeout=20s", { from: 'v1.31' }),
    step('create', 'wait --for=create pod/one --timeout=20s', { from: 'v1.31' }),
    step('missing', 'wait --for=condition=Ready pod/absent --timeout=1s', { exit: 1 }),
    step('all', 'wait --for=condition=Ready pods --all --timeout=20s'),
    step('deleted', 'wait --for=delete pod/absent --timeout=20s', { from: 'v1.24' }),
    step('events', 'get events --field-selector=reason=Scheduled', { eventually: /Scheduled/ }),
    step(
      'events-sorted',
      'get events --sort-by=.metadata.creationTimestamp -o custom-columns=REASON:.reason,TYPE:.type',
      {
        eventually: /Started/,
        sorted: true,
      },
    ),
    step('events-command', 'events --for pod/one --types=Normal', {
      from: 'v1.28',
      keep: /LAST SEEN|Scheduled/,
      eventually: /Started/,
    }),
    step('logs', 'logs one'),
    step('logs-tail', 'logs one --tail=1 --timestamps'),
    step('logs-previous', 'logs one --previous', { exit: 1 }),
    step('logs-container', 'logs one -c absent', { exit: 1 }),
    step('logs-missing', 'logs absent', { exit: 1 }),
    step('exec-missing', 'exec absent -- true', { exit: 1 }),
    step(
      'pod-status',
      `patch pod one --subresource=status --type=merge -p '{"status":{"message":"by hand"}}'`,
      { from: 'v1.24' },
    ),
    step('delete', 'delete pod one --now'),
  ],
};
