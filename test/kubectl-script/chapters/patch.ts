import { step } from '../step.js';
import type { Chapter } from '../step.js';

/** Every way to change an object that is there. */
export const patch: Chapter = {
  name: 'patch',
  steps: [
    step('apply', 'apply -f web.yaml'),
    step(
      'strategic',
      `patch deployment web -p '{"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"SIZE","value":"large"}]}]}}}}'`,
    ),
    step(
      'strategic-result',
      'get deployment web -o jsonpath={.spec.template.spec.containers[*].env[*].name}',
    ),
    step('strategic-yaml', 'patch deployment web --patch "metadata: {labels: {tier: front}}"'),
    step(
      'strategic-delete',
      `patch deployment web -p '{"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"SIZE","$patch":"delete"}]}]}}}}'`,
    ),
    step('unchanged', `patch configmap settings -p '{"data":{"color":"blue"}}'`),
    step('merge', `patch configmap settings --type=merge -p '{"data":{"color":"red","new":"1"}}'`),
    step('merge-null', `patch configmap settings --type=merge -p '{"data":{"new":null}}' -o yaml`, {
      keep: /^ {2}(color|new)|^data/,
    }),
    step(
      'json',
      `patch configmap settings --type=json -p '[{"op":"test","path":"/data/color","value":"red"},{"op":"replace","path":"/data/color","value":"green"}]'`,
    ),
    step(
      'json-test-fails',
      `patch configmap settings --type=json -p '[{"op":"test","path":"/data/color","value":"red"},{"op":"remove","path":"/data/color"}]'`,
      { exit: 1 },
    ),
    step(
      'json-no-path',
      `patch configmap settings --type=json -p '[{"op":"remove","path":"/data/absent"}]'`,
      { exit: 1 },
    ),
    step('dry-run', `patch configmap settings --type=merge -p '{"data":{"color":"x"}}' --dry-run=server`),
    step('local', `patch -f shop/cart.yaml --local --type=merge -p '{"data":{"limit":"20"}}' -o yaml`),
    step('patch-file', 'patch configmap settings --type=merge --patch-file=settings-patch.json', {
      from: 'v1.24',
    }),
    step(
      'subresource',
      `patch deployment web --subresource=scale --type=merge -p '{"spec":{"replicas":1}}'`,
      { from: 'v1.24' },
    ),
    step(
      'subresource-status',
      `patch deployment web --subresource=status --type=merge -p '{"spec":{"replicas":9}}' -o jsonpath={.spec.replicas}`,
      { from: 'v1.24' },
    ),
    step('replace-subresource', 'replace --subresource=status -f web-status.yaml', { from: 'v1.24' }),
    step('replace-subresource-result', 'get deployment web -o jsonpath={.spec.replicas}', {
      from: 'v1.24',
    }),
    step('get-subresource', 'get deployment web --subresource=scale', { from: 'v1.24' }),
    step('immutable', `patch deployment web -p '{"spec":{"selector":{"matchLabels":{"app":"other"}}}}'`, {
      exit: 1,
    }),
    step('invalid', `patch deployment web -p '{"spec":{"replicas":-1}}'`, { exit: 1 }),
    step('wrong-type', `patch deployment web -p '{"spec":{"replicas":"many"}}'`, { exit: 1 }),
    step('missing', `patch configmap absent -p '{}'`, { exit: 1 }),
    step('label', 'label configmap settings tier=front size=large'),
    step('label-again', 'label configmap settings tier=back', { exit: 1 }),
    step('label-overwrite', 'label --overwrite configmap settings tier=back'),
    step('label-same', 'label configmap settings size=large', { from: 'v1.28' }),
    step('label-same-refused', 'label configmap settings size=large', { until: 'v1.24', exit: 1 }),
    step('label-remove', 'label configmap settings tier-'),
    step('label-list', 'label --list configmap settings'),
    step('label-all', 'label configmaps --all all=yes -o name'),
    step('label-invalid', 'label configmap settings "tier=not valid"', { exit: 1 }),
    step('annotate', 'annotate configmap settings note="a longer text" owner=me'),
    step('annotate-again', 'annotate configmap settings owner=you', { exit: 1 }),
    step('annotate-remove', 'annotate configmap settings owner-'),
    step('annotate-list', 'annotate --list configmap settings', { from: 'v1.24', keep: /note|owner/ }),
    step('resource-version', 'annotate configmap settings owner=me --resource-version=1', { exit: 1 }),
    step('set-image', 'set image deployment/web web=localhost/knarr/web:2'),
    step('set-image-no-container', 'set image deployment/web other=localhost/knarr/web:2', { exit: 1 }),
    step('set-image-local', 'set image --local -f single.yaml web=localhost/knarr/web:2 -o yaml'),
    step('set-env', 'set env deployment/web SIZE=large COLOR-'),
    step('set-env-from', 'set env deployment/web --from=configmap/settings --prefix=SETTING_'),
    step('set-env-list', 'set env deployment/web --list'),
    step('set-resources', 'set resources deployment web --limits=cpu=200m,memory=64Mi --requests=cpu=100m'),
    step('set-selector', 'set selector service web app=web,tier=front'),
    step('set-serviceaccount', 'set serviceaccount deployment web default'),
    step('make-rolebinding', 'create rolebinding readers --clusterrole=view --user=jane'),
    step('set-subject', 'set subject rolebinding readers --user=john --group=readers'),
    step('set-result', 'get rolebinding readers -o jsonpath={.subjects[*].name}'),
    step('scale', 'scale deployment/web --replicas=3'),
    step('scale-precondition', 'scale deployment/web --current-replicas=2 --replicas=1', { exit: 1 }),
    step('scale-missing', 'scale deployment/absent --replicas=1', { exit: 1 }),
    step('scale-not-scalable', 'scale configmap/settings --replicas=1', { exit: 1 }),
    step('result', 'get deployment web -o jsonpath={.spec.template.spec.containers[0]}'),
  ],
};
