import { step } from '../step.js';
import type { Chapter } from '../step.js';

/** Without descriptions: they are words, and change. */
const structure = /^(?:KIND|VERSION|RESOURCE|FIELDS?|GROUP):|\t</;

/** What the server can do, and what kubectl itself says. */
export const discovery: Chapter = {
  name: 'discovery',
  steps: [
    step('api-resources', 'api-resources'),
    step('api-resources-wide', 'api-resources --api-group= -o wide'),
    step('api-resources-verbs', 'api-resources --verbs=create,get --namespaced=false -o name'),
    step('api-resources-group', 'api-resources --api-group=apps'),
    step(
      'api-resources-sorted',
      'api-resources --api-group=authorization.k8s.io --sort-by=kind --no-headers',
    ),
    step('api-resources-categories', 'api-resources --categories=all', { from: 'v1.28' }),
    step('api-versions', 'api-versions'),
    step('version', 'version', { keep: /^Server Version: v/ }),
    step('version-json', 'version -o json', { keep: /knarr|Version": \{/ }),
    step('cluster-info', 'cluster-info'),
    step('cluster-info-dump', 'cluster-info dump --namespaces=discovery', { keep: /"kind": "\w+List"/ }),
    step('explain', 'explain deployment.spec.strategy', { keep: structure }),
    step('explain-recursive', 'explain deployment.spec.strategy --recursive', { keep: structure }),
    step('explain-service', 'explain service.spec.ports --recursive', { keep: structure }),
    step('explain-api-version', 'explain horizontalpodautoscalers --api-version=autoscaling/v1', {
      keep: structure,
    }),
    step('explain-missing', 'explain pod.spec.absent', { exit: 1 }),
    step('explain-unknown', 'explain ships', { exit: 1 }),
    step('config-view', 'config view'),
    step('config-minify', 'config view --minify -o jsonpath={.clusters[0].name}'),
    step('config-current', 'config current-context'),
    step('config-contexts', 'config get-contexts'),
    step('completion', 'completion bash', { keep: /^# bash completion/ }),
    step('complete', '__complete get configmaps ""', { from: 'v1.24' }),
    step('plugin-list', 'plugin list', { exit: 1 }),
    step('options', 'options', { keep: /--context|--server=/ }),
    step('no-server', '--server=https://127.0.0.1:1 get pods', { exit: 1, keep: /^The connection/ }),
    step('wrong-command', 'ship', { exit: 1, keep: /unknown command/ }),
  ],
};
