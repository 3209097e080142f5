/** Warnings for fields that are accepted and do not mean what their user thinks, in the words of Kubernetes v1.35. */
import t from 'tap';
import type { Container, PersistentVolume, PodSpec, Service } from '../../../api/generated/core-v1.js';
import type { Deployment } from '../../../api/generated/apps-v1.js';
import { persistentVolumeWarnings } from '../../../apiserver/resources/persistent-volume/warnings.js';
import { templateWarnings } from '../../../apiserver/resources/pod/template-warnings.js';
import { podWarnings } from '../../../apiserver/resources/pod/warnings.js';
import { serviceWarnings } from '../../../apiserver/resources/service/warnings.js';

const container: Container = { name: 'a', image: 'i' };
const spec = (changed: Partial<PodSpec>): PodSpec => ({ containers: [container], ...changed });
const withContainer = (changed: Partial<Container>): PodSpec =>
  spec({ containers: [{ ...container, ...changed }] });

const pods: readonly (readonly [PodSpec, Readonly<Record<string, string>>, ...string[]])[] = [
  [spec({}), {}],
  [
    spec({ nodeSelector: { 'beta.kubernetes.io/os': 'linux', disk: 'fast' } }),
    {},
    'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
  ],
  [
    spec({
      affinity: {
        nodeAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            {
              weight: 1,
              preference: {
                matchExpressions: [{ key: 'failure-domain.beta.kubernetes.io/zone', operator: 'Exists' }],
              },
            },
          ],
        },
        podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'zone' }] },
      },
    }),
    {},
    'spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[0].key: failure-domain.beta.kubernetes.io/zone is deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
    'spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector: a null labelSelector results in matching no pod',
  ],
  [
    spec({}),
    { 'scheduler.alpha.kubernetes.io/critical-pod': '', 'seccomp.security.alpha.kubernetes.io/pod': 'x' },
    'metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in v1.16+; use the "priorityClassName" field instead',
    'metadata.annotations[seccomp.security.alpha.kubernetes.io/pod]: non-functional in v1.27+; use the "seccompProfile" field instead',
  ],
  [
    spec({ volumes: [{ name: 'v', cephfs: { monitors: ['m'] } }] }),
    {},
    'spec.volumes[0].cephfs: deprecated in v1.28, non-functional in v1.31+',
  ],
  [
    spec({ volumes: [{ name: 'v', gitRepo: { repository: 'r' } }] }),
    {},
    'spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+',
  ],
  [
    withContainer({ ports: [{ containerPort: 80, protocol: 'UDP', hostIP: '10.0.0.1' }] }),
    {},
    'spec.containers[0].ports[0]: hostIP set without hostPort: {Name: HostPort:0 ContainerPort:80 Protocol:UDP HostIP:10.0.0.1}',
  ],
  [
    spec({
      imagePullSecrets: [{ name: 'x' }, { name: 'x' }],
      hostAliases: [{ ip: '1.1.1.1' }, { ip: '1.1.1.1' }],
    }),
    {},
    'spec.hostAliases[1].ip: duplicate ip "1.1.1.1"',
    'spec.imagePullSecrets[1].name: duplicate name "x"',
  ],
  [
    withContainer({ resources: { limits: { memory: '100m' }, requests: { memory: '2000m' } } }),
    {},
    'spec.containers[0].resources.limits[memory]: fractional byte value "100m" is invalid, must be an integer',
  ],
  [
    withContainer({
      env: [
        { name: 'X', value: 'a' },
        { name: 'X', value: '$(X)b' },
        { name: 'X', value: 'c' },
      ],
    }),
    {},
    'spec.containers[0].env[2]: hides previous definition of "X", which may be dropped when using apply',
  ],
  [
    withContainer({
      ports: [
        { containerPort: 80, protocol: 'TCP' },
        { containerPort: 80, protocol: 'TCP' },
        { containerPort: 80, protocol: 'UDP' },
      ],
    }),
    {},
    'spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]',
  ],
  [
    spec({ terminationGracePeriodSeconds: -1 }),
    {},
    'spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1',
  ],
];

for (const [index, [podSpec, annotations, ...expected]] of pods.entries())
  void t.test(`pod ${index}: ${expected[0] ?? 'nothing'}`, (t) => {
    t.strictSame(podWarnings({ metadata: { annotations }, spec: podSpec }), expected);
    const inTemplate = podWarnings({ metadata: { annotations }, spec: podSpec }, 'spec.template');
    t.equal(inTemplate.length, expected.length);
    for (const one of inTemplate) t.match(one, /^spec\.template\./);
    t.end();
  });

void t.test('a template warns when it comes and when its spec changes', (t) => {
  const warn = templateWarnings<Deployment>((object) => object.spec.template, 'spec.template');
  const deployment = (generation: number): Deployment =>
    ({
      metadata: { name: 'd', generation },
      spec: { template: { metadata: {}, spec: spec({ terminationGracePeriodSeconds: -1 }) } },
    }) as unknown as Deployment;
  t.equal(warn(deployment(1)).length, 1);
  t.equal(warn(deployment(2), deployment(1)).length, 1);
  t.strictSame(warn(deployment(1), deployment(1)), []);
  t.end();
});

void t.test('Services', (t) => {
  const table: readonly (readonly [Partial<Service['spec']>, ...string[]])[] = [
    [{ type: 'ClusterIP', clusterIP: '10.96.0.10', sessionAffinity: 'ClientIP' }],
    [
      { type: 'ClusterIP', clusterIP: 'None', sessionAffinity: 'ClientIP', externalIPs: ['1.1.1.1'] },
      'spec.externalIPs is ignored for headless services',
      'spec.SessionAffinity is ignored for headless services',
    ],
    [
      { type: 'ExternalName', externalName: 'a.b', externalIPs: ['1.1.1.1'] },
      'spec.externalIPs is ignored when spec.type is "ExternalName"',
    ],
    [
      { type: 'ClusterIP', externalName: 'a.b', trafficDistribution: 'PreferClose' },
      'spec.externalName is ignored when spec.type is not "ExternalName"',
      'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"',
    ],
  ];
  for (const [changed, ...expected] of table)
    t.strictSame(serviceWarnings({ metadata: { name: 's' }, spec: changed } as unknown as Service), expected);
  t.end();
});

void t.test('PersistentVolumes', (t) => {
  const volume = {
    metadata: { name: 'v', annotations: { 'volume.beta.kubernetes.io/storage-class': 'x' } },
    spec: { persistentVolumeReclaimPolicy: 'Recycle', rbd: { monitors: [], image: 'i' } },
  } as unknown as PersistentVolume;
  t.strictSame(persistentVolumeWarnings(volume), [
    'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.',
    'metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use "storageClassName" attribute instead',
    'spec.rbd: deprecated in v1.28, non-functional in v1.31+',
  ]);
  t.end();
});
