import { step } from '../step.js';
import type { Chapter } from '../step.js';

const namespaced =
  'configmaps,secrets,serviceaccounts,limitranges,resourcequotas,persistentvolumeclaims,endpoints,endpointslices,' +
  'ingresses,networkpolicies,poddisruptionbudgets,horizontalpodautoscalers,roles,rolebindings,leases,' +
  'csistoragecapacities,podtemplates,controllerrevisions';
const clusterWide =
  'persistentvolumes,storageclasses,csidrivers,volumeattachments,priorityclasses,runtimeclasses,ingressclasses,' +
  'validatingwebhookconfigurations';

/** One object of each kind: how it is listed and described. */
export const kinds: Chapter = {
  name: 'kinds',
  steps: [
    step('cluster-wide', 'apply -f kinds-cluster.yaml'),
    step('namespaced', 'apply -f kinds-namespaced.yaml'),
    step('workloads', 'apply -f kinds-workloads.yaml'),
    step('later', 'apply -f kinds-later.yaml'),
    step('ready', 'wait --for=condition=Ready pod/lone --timeout=20s'),
    step('get-workloads', 'get replicationcontrollers,replicasets -o wide', {
      eventually: /classic +1 +1 +1[^]*copies +1 +1 +1/,
    }),
    step('get-later', 'get statefulsets,daemonsets,jobs,cronjobs -o wide'),
    step('get-services', 'get services -o wide'),
    step('get-namespaced', `get ${namespaced}`, { sorted: true }),
    step('get-cluster-wide', `get ${clusterWide}`, { eventually: /kinds-disk[^\n]* Available / }),
    step('get-cluster-roles', 'get clusterroles,clusterrolebindings -o wide', { keep: /NAME|kinds-|^$/ }),
    step('get-namespace', 'get namespace kinds-other --show-labels'),
    step('pod', 'describe pod lone', { keep: /^(?! {2}(?:Normal|Warning) )/ }),
    step(
      'pod-events',
      'get events --field-selector=involvedObject.name=lone -o custom-columns=TYPE:.type,REASON:.reason,MESSAGE:.message',
      {
        eventually: /Scheduled[^]*Started[^]*Started/,
        sorted: true,
      },
    ),
    step('replication-controller', 'describe replicationcontroller classic'),
    step('replica-set', 'describe replicaset copies'),
    step('stateful-set', 'describe statefulset ordered'),
    step('daemon-set', 'describe daemonset everywhere'),
    step('job', 'describe job once'),
    step('cron-job', 'describe cronjob nightly', { from: 'v1.24' }),
    step('service', 'describe service web', { eventually: /Endpoints: +\d/ }),
    // kubectl v1.20 shows the data in the order of a Go map.
    step('config-map', 'describe configmap settings', { keep: /^[A-Z=]/ }),
    step('secret', 'describe secret hidden'),
    step('service-account', 'describe serviceaccount robot'),
    step('limit-range', 'describe limitrange sizes', { sorted: true }),
    step('resource-quota', 'describe resourcequota bounds'),
    step('volume', 'describe persistentvolume kinds-disk'),
    step('volume-claim', 'describe persistentvolumeclaim data --show-events=false', { from: 'v1.24' }),
    step('endpoints', 'describe endpoints outside'),
    step('endpoint-slice', 'describe endpointslice outside-slice', { from: 'v1.24' }),
    step('ingress', 'describe ingress entry'),
    step('network-policy', 'describe networkpolicy walls'),
    step('disruption-budget', 'describe poddisruptionbudget guard', { from: 'v1.24' }),
    step('autoscaler', 'describe horizontalpodautoscaler breathing', { from: 'v1.24' }),
    step('role', 'describe role reader'),
    step('role-binding', 'describe rolebinding readers'),
    step('cluster-role', 'describe clusterrole kinds-auditor'),
    step('cluster-role-binding', 'describe clusterrolebinding kinds-auditors'),
    step('lease', 'describe lease lock'),
    step('namespace', 'describe namespace kinds-other'),
    step('storage-class', 'describe storageclass kinds-slow'),
    step('csi-driver', 'describe csidriver kinds.example.com'),
    step('volume-attachment', 'describe volumeattachment kinds-attached'),
    step('priority-class', 'describe priorityclass kinds-high'),
    step('runtime-class', 'describe runtimeclass kinds-sandboxed'),
    step('ingress-class', 'describe ingressclass kinds-web'),
    step('webhooks', 'describe validatingwebhookconfiguration kinds-checks'),
    step('pod-template', 'describe podtemplate mould'),
    step('controller-revision', 'describe controllerrevision past'),
    step('missing', 'describe pod absent', { exit: 1 }),
    step('prefix', 'describe configmap sett', { keep: /^(Name|Namespace):/ }),
    step('delete', 'delete -f kinds-cluster.yaml'),
  ],
};
