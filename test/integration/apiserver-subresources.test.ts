/** Subresources over HTTPS: those that discovery promises, and the rules of ephemeralcontainers and resize. */
import t from 'tap';
import type { JsonObject } from '../support/apiserver-fixture.js';
import { listOf, startFixture, textOf } from '../support/apiserver-fixture.js';

const fixture = await startFixture();
t.teardown(() => fixture.stop());
const { request } = fixture;

const core = '/api/v1/namespaces/default';
const strategic = { headers: { 'content-type': 'application/strategic-merge-patch+json' } };
const merge = { headers: { 'content-type': 'application/merge-patch+json' } };
const jsonPatch = { headers: { 'content-type': 'application/json-patch+json' } };
const apply = { headers: { 'content-type': 'application/apply-patch+yaml' } };

/** name, kind (with the group where it is another one), verbs. */
const expected: Readonly<Record<string, readonly string[]>> = {
  'api/v1': [
    'namespaces/finalize Namespace update',
    'namespaces/status Namespace get,patch,update',
    'nodes/proxy NodeProxyOptions create,delete,get,patch,update',
    'nodes/status Node get,patch,update',
    'persistentvolumeclaims/status PersistentVolumeClaim get,patch,update',
    'persistentvolumes/status PersistentVolume get,patch,update',
    'pods/attach PodAttachOptions create,get',
    'pods/binding Binding create',
    'pods/ephemeralcontainers Pod get,patch,update',
    'pods/eviction policy/v1/Eviction create',
    'pods/exec PodExecOptions create,get',
    'pods/log Pod get',
    'pods/portforward PodPortForwardOptions create,get',
    'pods/proxy PodProxyOptions create,delete,get,patch,update',
    'pods/resize Pod get,patch,update',
    'pods/status Pod get,patch,update',
    'replicationcontrollers/scale autoscaling/v1/Scale get,patch,update',
    'replicationcontrollers/status ReplicationController get,patch,update',
    'resourcequotas/status ResourceQuota get,patch,update',
    'serviceaccounts/token authentication.k8s.io/v1/TokenRequest create',
    'services/proxy ServiceProxyOptions create,delete,get,patch,update',
    'services/status Service get,patch,update',
  ],
  'apis/apps/v1': [
    'daemonsets/status DaemonSet get,patch,update',
    'deployments/scale autoscaling/v1/Scale get,patch,update',
    'deployments/status Deployment get,patch,update',
    'replicasets/scale autoscaling/v1/Scale get,patch,update',
    'replicasets/status ReplicaSet get,patch,update',
    'statefulsets/scale autoscaling/v1/Scale get,patch,update',
    'statefulsets/status StatefulSet get,patch,update',
  ],
  'apis/batch/v1': ['cronjobs/status CronJob get,patch,update', 'jobs/status Job get,patch,update'],
  'apis/autoscaling/v1': ['horizontalpodautoscalers/status HorizontalPodAutoscaler get,patch,update'],
  'apis/autoscaling/v2': ['horizontalpodautoscalers/status HorizontalPodAutoscaler get,patch,update'],
  'apis/certificates.k8s.io/v1': [
    'certificatesigningrequests/approval CertificateSigningRequest get,patch,update',
    'certificatesigningrequests/status CertificateSigningRequest get,patch,update',
  ],
  'apis/policy/v1': ['poddisruptionbudgets/status PodDisruptionBudget get,patch,update'],
  'apis/networking.k8s.io/v1': [
    'ingresses/status Ingress get,patch,update',
    'servicecidrs/status ServiceCIDR get,patch,update',
  ],
  'apis/flowcontrol.apiserver.k8s.io/v1': [
    'flowschemas/status FlowSchema get,patch,update',
    'prioritylevelconfigurations/status PriorityLevelConfiguration get,patch,update',
  ],
  'apis/storage.k8s.io/v1': ['volumeattachments/status VolumeAttachment get,patch,update'],
  'apis/resource.k8s.io/v1': ['resourceclaims/status ResourceClaim get,patch,update'],
  'apis/admissionregistration.k8s.io/v1': [
    'validatingadmissionpolicies/status ValidatingAdmissionPolicy get,patch,update',
  ],
};

/** Verbs with commas between them. */
function verbsOf(resource: JsonObject): string {
  return listOf(resource['verbs'])
    .map((verb) => textOf(verb))
    .join(',');
}

await t.test('discovery lists the subresources of Kubernetes, in both forms', async (t) => {
  for (const [root, subresources] of Object.entries(expected)) {
    const { json } = await request('GET', `/${root}`);
    const lines = listOf(json['resources'])
      .filter((one) => textOf(one['name']).includes('/'))
      .map((one) => {
        const group = one['group'] === undefined ? '' : `${textOf(one['group'])}/${textOf(one['version'])}/`;
        return `${textOf(one['name'])} ${group}${textOf(one['kind'])} ${verbsOf(one)}`;
      });
    t.strictSame(lines.sort(), subresources, root);
    const [, group = ''] = root.split('/');
    const aggregated = await request('GET', root === 'api/v1' ? '/api' : '/apis', undefined, {
      headers: { accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList' },
    });
    const found = listOf(aggregated.json['items'])
      .filter((one) => root === 'api/v1' || one['metadata']?.['name'] === (group as unknown))
      .flatMap((one) => listOf(one['versions']))
      .filter((one) => root.endsWith(textOf(one['version'])))
      .flatMap((one) => listOf(one['resources']))
      .flatMap((one) =>
        listOf(one['subresources']).map(
          (sub) => `${textOf(one['resource'])}/${textOf(sub['subresource'])} ${verbsOf(sub)}`,
        ),
      );
    t.strictSame(
      found.sort(),
      subresources.map((line) => line.replace(/ \S+ /, ' ')),
      `${root}, aggregated`,
    );
  }
});

await t.test('OpenAPI has their operations', async (t) => {
  const { json } = await request('GET', '/openapi/v3/api/v1');
  const proxy = json['paths']?.['/api/v1/namespaces/{namespace}/pods/{name}/proxy/{path}'];
  t.strictSame(Object.keys(proxy ?? {}).sort(), [
    'delete',
    'get',
    'head',
    'options',
    'parameters',
    'patch',
    'post',
    'put',
  ]);
  t.equal(proxy?.['get']?.['operationId'], 'connectCoreV1GetNamespacedPodProxyWithPath');
  const exec = json['paths']?.['/api/v1/namespaces/{namespace}/pods/{name}/exec'];
  t.equal(exec?.['post']?.['operationId'], 'connectCoreV1PostNamespacedPodExec');
  const resize = json['paths']?.['/api/v1/namespaces/{namespace}/pods/{name}/resize'];
  t.equal(resize?.['patch']?.['operationId'], 'patchCoreV1NamespacedPodResize');
});

interface Sizes {
  readonly cpu?: string;
  readonly memory?: string;
}
async function createPod(
  name: string,
  spec: object = {},
  requests: Sizes = {},
  limits: Sizes = {},
): Promise<JsonObject> {
  const { status, json } = await request('POST', `${core}/pods`, {
    metadata: { name },
    spec: { containers: [{ name: 'web', image: 'a', resources: { requests, limits } }], ...spec },
  });
  if (status !== 201) throw new Error(JSON.stringify(json));
  return json;
}

await t.test('ephemeral containers are added, and only added', async (t) => {
  await createPod('debugged', { volumes: [{ name: 'v', emptyDir: {} }] });
  const at = `${core}/pods/debugged/ephemeralcontainers`;
  const added = await request(
    'PATCH',
    at,
    {
      metadata: { labels: { x: 'not here' } },
      spec: { ephemeralContainers: [{ name: 'debug', image: 'busybox', targetContainerName: 'web' }] },
    },
    strategic,
  );
  t.equal(added.status, 200);
  t.match(added.json, {
    kind: 'Pod',
    metadata: { generation: 2 },
    spec: {
      ephemeralContainers: [{ name: 'debug', imagePullPolicy: 'Always', terminationMessagePath: /./ }],
    },
  });
  t.equal(added.json['metadata']?.['labels'], undefined, 'nothing else changes through it');
  t.match(listOf(added.json['metadata']?.['managedFields']).at(-1), { subresource: 'ephemeralcontainers' });
  const { json: pod } = await request('GET', at);
  const containers = listOf(pod['spec']?.['ephemeralContainers']);
  const put = async (ephemeralContainers: readonly object[]): Promise<JsonObject> =>
    (await request('PUT', at, { ...pod, spec: { ...pod['spec'], ephemeralContainers } })).json;
  const two = await request('PUT', `${at}?dryRun=All`, {
    ...pod,
    spec: { ...pod['spec'], ephemeralContainers: [...containers, { name: 'second', image: 'b' }] },
  });
  t.equal(two.status, 200);
  t.equal(listOf((await request('GET', at)).json['spec']?.['ephemeralContainers']).length, 1, 'a dry run');
  for (const [wrong, message] of [
    [[], /existing ephemeral containers "debug" may not be removed/],
    [[{ ...containers[0], image: 'c' }], /existing ephemeral containers "debug" may not be changed/],
    [[...containers, { name: 'web', image: 'b' }], /ephemeralContainers\[1\].name: Duplicate value: "web"/],
    [[...containers, { name: 'x' }], /ephemeralContainers\[1\].image: Required value/],
    [
      [...containers, { name: 'x', image: 'b', targetContainerName: 'nobody' }],
      /ephemeralContainers\[1\].targetContainerName: Not found: "nobody"/,
    ],
    [
      [...containers, { name: 'x', image: 'b', ports: [{ containerPort: 1 }] }],
      /ephemeralContainers\[1\].ports: Forbidden: cannot be set for an Ephemeral Container/,
    ],
    [
      [...containers, { name: 'x', image: 'b', resources: { limits: { cpu: '1' } } }],
      /ephemeralContainers\[1\].resources: Forbidden/,
    ],
    [
      [
        ...containers,
        { name: 'x', image: 'b', volumeMounts: [{ name: 'v', mountPath: '/v', subPath: 'a' }] },
      ],
      /volumeMounts\[0\].subPath: Forbidden/,
    ],
  ] as const)
    t.match(await put(wrong), { code: 422, reason: 'Invalid', message });
  t.equal(listOf((await request('GET', at)).json['spec']?.['ephemeralContainers']).length, 1);
});

await t.test('ephemeral containers come no other way', async (t) => {
  const spec = { containers: [{ name: 'a', image: 'b' }], ephemeralContainers: [{ name: 'c', image: 'd' }] };
  const created = await request('POST', `${core}/pods`, { metadata: { name: 'no' }, spec });
  t.match(created.json, {
    code: 422,
    message: /spec.ephemeralContainers: Forbidden: cannot be set on create/,
  });
  const updated = await request(
    'PATCH',
    `${core}/pods/debugged`,
    [{ op: 'add', path: '/spec/ephemeralContainers/-', value: { name: 'c', image: 'd' } }],
    jsonPatch,
  );
  t.match(updated.json, { code: 422, message: /pod updates may not change fields other than/ });
  const template = { metadata: { labels: { a: 'b' } }, spec };
  const deployment = await request('POST', '/apis/apps/v1/namespaces/default/deployments', {
    metadata: { name: 'no' },
    spec: { selector: { matchLabels: { a: 'b' } }, template },
  });
  t.match(deployment.json, { code: 422, message: /ephemeral containers not allowed in pod template/ });
  t.equal((await request('POST', `${core}/pods/debugged/ephemeralcontainers`, {})).status, 405);
});

const web = (resources: object): object => ({ spec: { containers: [{ name: 'web', resources }] } });

await t.test('a pod is resized', async (t) => {
  await createPod('sized', {}, { cpu: '100m', memory: '64Mi' }, { cpu: '200m', memory: '128Mi' });
  const at = `${core}/pods/sized/resize`;
  const larger = await request(
    'PATCH',
    at,
    web({ requests: { cpu: '150m' }, limits: { cpu: '1000m' } }),
    strategic,
  );
  t.equal(larger.status, 200);
  t.match(larger.json, {
    metadata: { generation: 2 },
    spec: {
      containers: [
        {
          image: 'a',
          resources: { requests: { cpu: '150m', memory: '64Mi' }, limits: { cpu: '1', memory: '128Mi' } },
        },
      ],
    },
    status: { qosClass: 'Burstable' },
  });
  const { json: pod } = await request('GET', at);
  const same = await request('PUT', at, { ...pod, metadata: { ...pod['metadata'], labels: { a: 'b' } } });
  t.equal(versionOf(same.json), versionOf(pod), 'labels are no size');
  const managed = await request(
    'PATCH',
    `${at}?fieldManager=sizer&force=true`,
    {
      apiVersion: 'v1',
      kind: 'Pod',
      ...web({ requests: { cpu: '120m' } }),
    },
    apply,
  );
  t.equal(managed.json['spec'] === undefined, false, managed.text);
  t.match(
    listOf(managed.json['metadata']?.['managedFields']).find((one) => one['subresource'] !== undefined),
    {
      subresource: 'resize',
    },
  );
  for (const [patch, message] of [
    [
      web({ requests: { cpu: '2' } }),
      /requests: Invalid value: "2": must be less than or equal to cpu limit of 1/,
    ],
    [
      web({ requests: { cpu: '1', memory: '128Mi' } }),
      /spec: Invalid value: "Guaranteed": Pod QOS Class may not change as a result of resizing/,
    ],
    [
      web({ limits: { memory: null } }),
      /containers\[0\].resources.limits: Forbidden: resource limits cannot be removed/,
    ],
    [
      web({ limits: { 'ephemeral-storage': '1Gi' } }),
      /spec: Forbidden: only cpu and memory resources are mutable/,
    ],
    [
      { spec: { containers: [{ name: 'other', image: 'b' }] } },
      /containers may not be renamed or reordered on resize/,
    ],
  ] as const)
    t.match((await request('PATCH', at, patch, strategic)).json, { code: 422, message });
  const main = await request('PATCH', `${core}/pods/sized`, web({ requests: { cpu: '110m' } }), strategic);
  t.equal(main.status, 422, 'not through the pod itself');
});

await t.test('what cannot be resized', async (t) => {
  const init = (restartPolicy?: string): object => ({
    initContainers: [
      {
        name: 'first',
        image: 'a',
        resources: { requests: { cpu: '10m' } },
        ...(restartPolicy ? { restartPolicy } : {}),
      },
    ],
  });
  await createPod('initial', init(), { cpu: '10m' });
  await createPod('sidecar', init('Always'), { cpu: '10m' });
  const patch = { spec: { initContainers: [{ name: 'first', resources: { requests: { cpu: '20m' } } }] } };
  t.match((await request('PATCH', `${core}/pods/initial/resize`, patch, strategic)).json, {
    code: 422,
    message: /resources for non-sidecar init containers are immutable/,
  });
  const sidecar = await request('PATCH', `${core}/pods/sidecar/resize`, patch, strategic);
  t.match(sidecar.json, { spec: { initContainers: [{ resources: { requests: { cpu: '20m' } } }] } });
  await createPod('besteffort');
  t.match(
    (
      await request(
        'PATCH',
        `${core}/pods/besteffort/resize`,
        web({ requests: { memory: '40Mi' } }),
        strategic,
      )
    ).json,
    {
      code: 422,
      message: /Invalid value: "Burstable": Pod QOS Class may not change/,
    },
  );
  await createPod('running', {}, { cpu: '10m' });
  const containerStatuses = [
    { name: 'web', image: 'a', imageID: 'a', ready: true, restartCount: 0, state: { running: {} } },
  ];
  await request('PATCH', `${core}/pods/running/status`, { status: { containerStatuses } }, merge);
  t.match(
    (await request('PATCH', `${core}/pods/running/resize`, web({ requests: { cpu: '20m' } }), strategic))
      .json,
    {
      code: 422,
      message: /Pod running on node without support for resize/,
    },
  );
  await createPod('mirror', {}, { cpu: '10m' });
  await request(
    'PATCH',
    `${core}/pods/mirror`,
    { metadata: { annotations: { 'kubernetes.io/config.mirror': 'x' } } },
    merge,
  );
  t.match(
    (await request('PATCH', `${core}/pods/mirror/resize`, web({ requests: { cpu: '20m' } }), strategic)).json,
    {
      code: 422,
      message: /static pods cannot be resized/,
    },
  );
});

await t.test('unknown ones', async (t) => {
  for (const path of ['pods/sized/colour', 'configmaps/x/status', 'pods/sized/resize/more', 'nodes/x/scale'])
    t.match(
      (await request('GET', `${path.startsWith('nodes') ? '/api/v1' : core}/${path}`)).json,
      {
        code: 404,
        message: 'the server could not find the requested resource',
      },
      path,
    );
  t.equal((await request('DELETE', `${core}/pods/sized/status`)).status, 405);
});

await t.test('a kind that is no such thing', async (t) => {
  await createPod('bodies');
  for (const [path, kind] of [
    ['pods/bodies/binding', 'Eviction'],
    ['pods/bodies/eviction', 'Binding'],
    ['serviceaccounts/x/token', 'Scale'],
  ] as const)
    t.match((await request('POST', `${core}/${path}`, { kind, metadata: { name: 'bodies' } })).json, {
      code: 400,
      message: new RegExp(`^${kind} in version "v1" cannot be handled as a `),
    });
  t.match((await request('DELETE', `${core}/pods/bodies`, { kind: 'Pod' })).json, { code: 400 });
  const dry = await request('POST', `${core}/pods/bodies/binding?dryRun=All`, {
    target: { kind: 'Node', name: 'n' },
  });
  t.equal(dry.status, 201);
  const eviction = { metadata: { name: 'bodies' }, deleteOptions: { dryRun: ['All'] } };
  t.equal((await request('POST', `${core}/pods/bodies/eviction`, eviction)).status, 201);
  const { json } = await request('GET', `${core}/pods/bodies`);
  t.equal(json['spec']?.['nodeName'], undefined);
  t.equal(json['metadata']?.['deletionTimestamp'], undefined);
});

function versionOf(object: JsonObject): string {
  return textOf(object['metadata']?.['resourceVersion']);
}

await t.test('no handler failed', async (t) => {
  t.strictSame(fixture.errors, []);
});

await t.test('an eviction is of policy/v1 or v1beta1', async (t) => {
  for (const [apiVersion, code] of [
    ['policy/v1', 404],
    ['policy/v1beta1', 404],
    ['policy/v2', 400],
    ['v1', 400],
  ] as const) {
    const eviction = { apiVersion, kind: 'Eviction', metadata: { name: 'nobody' } };
    const { status } = await fixture.request(
      'POST',
      '/api/v1/namespaces/default/pods/nobody/eviction',
      eviction,
    );
    t.equal(status, code, apiVersion);
  }
});
