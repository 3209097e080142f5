import { step } from '../step.js';
import type { Chapter } from '../step.js';

/** Objects from files, from standard input, and from the generators. */
export const create: Chapter = {
  name: 'create',
  steps: [
    step('file', 'create -f web.yaml'),
    step('file-again', 'create -f web.yaml', { exit: 1 }),
    step('directory', 'create -f shop'),
    step('standard-input', 'create -f -', {
      stdin: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: typed}\ndata: {a: b}\n',
    }),
    step('generated-name', 'create -f -', {
      stdin: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: typed-}\n',
    }),
    step('no-object', 'create -f -', { stdin: 'hello: world\n', exit: 1 }),
    step('no-kind', 'create -f - --validate=false', {
      stdin: 'apiVersion: v1\nkind: Ship\nmetadata: {name: knarr}\n',
      exit: 1,
    }),
    step('invalid', 'create -f - --validate=false', {
      stdin: 'apiVersion: v1\nkind: Service\nmetadata: {name: Bad_Name}\nspec: {ports: [{port: 70000}]}\n',
      exit: 1,
    }),
    step('unknown-field', 'create -f -', {
      stdin: 'apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: a, imagge: b}]}\n',
      exit: 1,
    }),
    step('no-namespace', 'create configmap lost -n nowhere --from-literal=a=b', { exit: 1 }),
    step('kustomize', 'create -k overlay'),
    step('client-dry-run', 'create deployment dry --image=localhost/knarr/web:1 --dry-run=client -o yaml'),
    step('server-dry-run', 'create configmap dry --from-literal=a=b --dry-run=server -o yaml'),
    step('deployment', 'create deployment made --image=localhost/knarr/web:1 --replicas=2 --port=8080'),
    step('service-clusterip', 'create service clusterip one --tcp=80:8080'),
    step('service-headless', 'create service clusterip none --clusterip=None --tcp=80'),
    step('service-nodeport', 'create service nodeport two --tcp=80 --node-port=30080'),
    step('service-nodeport-taken', 'create service nodeport two-more --tcp=80 --node-port=30080', {
      exit: 1,
    }),
    step('service-loadbalancer', 'create service loadbalancer three --tcp=443:8443'),
    step('service-externalname', 'create service externalname four --external-name=example.com'),
    step('configmap', 'create configmap literal --from-literal=color=blue --from-literal=size=large'),
    step('configmap-from-file', 'create configmap from-file --from-file=cart=shop/cart.yaml'),
    step('configmap-from-env', 'create configmap from-env --from-env-file=environment.txt'),
    step('secret-generic', 'create secret generic hidden --from-literal=password=swordfish'),
    step(
      'secret-registry',
      'create secret docker-registry pull --docker-server=r.example.com --docker-username=me --docker-password=secret',
    ),
    step('secret-tls', 'create secret tls pair --cert={pki}/apiserver.crt --key={pki}/apiserver.key'),
    step('quota', 'create quota limits --hard=pods=10,requests.cpu=4'),
    step('role', 'create role reader --verb=get,list --resource=pods,deployments.apps'),
    step(
      'role-binding',
      'create rolebinding readers --role=reader --user=jane --serviceaccount=create:robot',
    ),
    step('cluster-role', 'create clusterrole auditor --verb=get --non-resource-url=/metrics'),
    step('cluster-role-aggregated', 'create clusterrole sum --aggregation-rule=part-of=sum'),
    step('cluster-role-binding', 'create clusterrolebinding auditors --clusterrole=auditor --group=auditors'),
    step('service-account', 'create serviceaccount robot'),
    step('token', 'create token robot --duration=1h', { from: 'v1.24', keep: /^$/ }),
    step('job', 'create job once --image=localhost/knarr/web:1 -- /bin/true'),
    step('cronjob-v1beta1', "create cronjob nightly --image=localhost/knarr/web:1 --schedule='0 3 * * *'", {
      until: 'v1.20',
      exit: 1,
    }),
    step('cronjob', "create cronjob nightly --image=localhost/knarr/web:1 --schedule='0 3 * * *'", {
      from: 'v1.24',
    }),
    step('job-from-cronjob', 'create job by-hand --from=cronjob/nightly', { from: 'v1.24' }),
    step('priority-class', 'create priorityclass important --value=1000 --description=first'),
    step('pdb-v1beta1', 'create poddisruptionbudget guard --selector=app=web --min-available=1', {
      until: 'v1.20',
      exit: 1,
    }),
    step('pdb', 'create poddisruptionbudget guard --selector=app=web --min-available=1', { from: 'v1.24' }),
    step('ingress', "create ingress entry --class=knarr '--rule=example.com/shop*=web:80,tls=pair'"),
    step(
      'run',
      'run single --image=localhost/knarr/web:1 --port=8080 --labels=app=single,tier=front --env=COLOR=red',
    ),
    step('expose', 'expose deployment made --port=80 --target-port=8080'),
    step('expose-pod', 'expose pod single --port=8080 --name=shown --type=NodePort'),
    step('autoscale', 'autoscale deployment made --min=1 --max=3 --cpu-percent=80', { until: 'v1.33' }),
    step('autoscale-cpu', 'autoscale deployment made --min=1 --max=3 --cpu=80%', { from: 'v1.35' }),
    step('wait', 'wait --for=condition=Available deployment/web deployment/made --timeout=20s'),
    step('wait-pod', 'wait --for=condition=Ready pod/single --timeout=20s'),
    step('replace', 'replace -f shop/cart.yaml'),
    step('replace-missing', 'replace -f -', {
      stdin: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: absent}\n',
      exit: 1,
    }),
    step('replace-force', 'replace --force -f shop/till.json'),
    step('get-all', 'get deployments,replicasets,services,configmaps,secrets', { sorted: true }),
  ],
};
