import { step } from '../step.js';
import type { Chapter } from '../step.js';

const manifest = (data: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shared}\ndata: ${data}\n`;

/** Apply in both ways, and what belongs to it: conflicts, diff, the last applied configuration, pruning. */
export const apply: Chapter = {
  name: 'apply',
  steps: [
    step('first', 'apply -f web.yaml'),
    step('unchanged', 'apply -f web.yaml'),
    step('another', 'apply -f applied.yaml'),
    step('view-last-applied', 'apply view-last-applied configmap applied'),
    step('view-last-applied-json', 'apply view-last-applied -f applied.yaml -o json'),
    step('created-otherwise', 'create configmap created --from-literal=a=b'),
    step('view-last-applied-none', 'apply view-last-applied configmap created'),
    step('set-last-applied', 'apply set-last-applied -f - --create-annotation', {
      stdin: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: created}\ndata: {a: b}\n',
    }),
    step('view-last-applied-set', 'apply view-last-applied configmap created'),
    step('edit-last-applied', 'apply edit-last-applied configmap applied', {
      editor: 's/size: large/size: small/',
    }),
    step('view-last-applied-edited', 'apply view-last-applied configmap applied'),
    step('dry-run-client', 'apply -f applied.yaml --dry-run=client'),
    step('dry-run-server', 'apply -f applied.yaml --dry-run=server'),
    step('diff-same', 'diff -f web.yaml'),
    step('diff', 'diff -f -', {
      stdin: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: applied}\ndata: {color: red}\n',
      exit: 1,
    }),
    step('diff-new', 'diff -f -', {
      stdin: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: fresh}\ndata: {color: red}\n',
      exit: 1,
    }),
    step('diff-server-side', 'diff --server-side -f -', {
      stdin: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: created}\ndata: {a: c}\n',
      exit: 1,
      from: 'v1.24',
    }),
    step('server-side', 'apply --server-side -f -', { stdin: manifest('{color: blue, size: large}') }),
    step('server-side-unchanged', 'apply --server-side -f -', {
      stdin: manifest('{color: blue, size: large}'),
    }),
    step('server-side-conflict', 'apply --server-side --field-manager=other -f -', {
      stdin: manifest('{color: red}'),
      exit: 1,
    }),
    step('server-side-shared', 'apply --server-side --field-manager=other -f -', {
      stdin: manifest('{size: large}'),
    }),
    step('server-side-forced', 'apply --server-side --field-manager=other --force-conflicts -f -', {
      stdin: manifest('{color: red}'),
    }),
    step('managed-fields', 'get configmap shared -o yaml', { until: 'v1.20' }),
    step('managed-fields-shown', 'get configmap shared -o yaml --show-managed-fields', { from: 'v1.24' }),
    step('managed-fields-hidden', 'get configmap shared -o yaml', { from: 'v1.24' }),
    step('server-side-removes', 'apply --server-side -f -', { stdin: manifest('{}') }),
    step('after-removal', 'get configmap shared -o jsonpath={.data}'),
    step('client-side-after-server-side', 'apply -f -', { stdin: manifest('{color: green}') }),
    step('server-side-workload', 'apply --server-side --force-conflicts -f web.yaml'),
    step('kustomize', 'apply -k overlay'),
    step('recursive', 'apply -R -f shop'),
    step('prune', 'apply --prune -l set=one --prune-whitelist=core/v1/ConfigMap -f -', {
      stdin: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other, labels: {set: one}}\n',
      until: 'v1.24',
    }),
    step('prune-allowlist', 'apply --prune -l set=one --prune-allowlist=core/v1/ConfigMap -f -', {
      stdin: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other, labels: {set: one}}\n',
      from: 'v1.28',
    }),
    step('selector', 'apply -l app=web -f web.yaml'),
    step('wait', 'apply --wait -f web.yaml'),
    step('edit', 'edit configmap shared', { editor: 's/color: green/color: yellow/' }),
    step('edit-nothing', 'edit configmap shared'),
    step('edit-invalid', 'edit service web', { editor: 's/port: 80$/port: 80000/', exit: 1 }),
    step('edit-several', 'edit configmap shared created', {
      editor: 's/^    name: /    labels: {edited: done}\\n    name: /',
    }),
    step('create-edited', 'create --edit -f shop/till.json', { editor: 's/name: till/name: till-edited/' }),
    step('result', 'get configmaps -L edited,set -o wide'),
  ],
};
