import t from 'tap';
import type { Pod } from '../../../api/generated/core-v1.js';
import { Violations } from '../../../api/field-path.js';
import { pullPolicyFor, setPodDefaults } from '../../../apiserver/resources/pod/defaults.js';
import { validatePodSpec, validatePodUpdate } from '../../../apiserver/resources/pod/validation.js';

function pod(spec: object): Pod {
  const made = {
    metadata: { name: 'a' },
    spec: { containers: [{ name: 'c', image: 'x' }], ...spec },
    status: {},
  } as unknown as Pod;
  setPodDefaults(made);
  return made;
}

void t.test('when an image is pulled', async (t) => {
  const cases: Readonly<Record<string, string>> = {
    busybox: 'Always',
    'busybox:latest': 'Always',
    'busybox:1': 'IfNotPresent',
    'localhost:5000/busybox': 'Always',
    'localhost:5000/busybox:1': 'IfNotPresent',
    'busybox@sha256:0123': 'IfNotPresent',
  };
  for (const [image, policy] of Object.entries(cases)) t.equal(pullPolicyFor(image), policy, image);
});

void t.test('what a pod requests as a whole follows from its limits and its containers', async (t) => {
  const c = (name: string, requests: object): object => ({ name, image: 'x', resources: { requests } });
  const containers = [c('a', { cpu: '100m' }), c('b', { cpu: '250m' })];
  const cases: [what: string, resources: object, requests: object | undefined][] = [
    ['no limits', { requests: { memory: '1Gi' } }, { memory: '1Gi' }],
    ['limits', { limits: { cpu: '1', memory: '1Gi' } }, { cpu: '350m', memory: '1Gi' }],
    ['some are said', { limits: { cpu: '1' }, requests: { cpu: '500m' } }, { cpu: '500m' }],
    ['the containers alone', { limits: { memory: '1Gi' } }, { cpu: '350m', memory: '1Gi' }],
  ];
  for (const [what, resources, requests] of cases)
    t.strictSame(pod({ containers, resources }).spec.resources?.requests, requests, what);
  t.equal(pod({ containers }).spec.resources, undefined);
});

void t.test('defaults depend on what else is said', async (t) => {
  const { spec } = pod({
    hostNetwork: true,
    serviceAccount: 'old',
    volumes: [{ name: 'a' }, { name: 'b', configMap: { name: 'x' } }],
    containers: [
      {
        name: 'c',
        image: 'x',
        ports: [{ containerPort: 80 }],
        resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } },
        readinessProbe: { httpGet: { port: 80 }, timeoutSeconds: 0 },
        env: [{ name: 'N', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
      },
    ],
  });
  t.match(spec, {
    serviceAccountName: 'old',
    volumes: [{ emptyDir: {} }, { configMap: { defaultMode: 0o644 } }],
    containers: [
      {
        ports: [{ hostPort: 80, protocol: 'TCP' }],
        resources: { requests: { cpu: '500m', memory: '1Gi' } },
        readinessProbe: {
          httpGet: { path: '/', scheme: 'HTTP' },
          timeoutSeconds: 1,
          periodSeconds: 10,
          successThreshold: 1,
          failureThreshold: 3,
        },
        env: [{ valueFrom: { fieldRef: { apiVersion: 'v1' } } }],
      },
    ],
  });
  const again = structuredClone(spec);
  setPodDefaults({ metadata: { name: 'a' }, spec: again, status: {} } as unknown as Pod);
  t.strictSame(again, spec, 'defaulting twice changes nothing');
});

interface Case {
  readonly name: string;
  readonly spec: object;
  readonly violations: readonly string[];
}
const c = (extra: object = {}): object => ({ name: 'c', image: 'x', ...extra });

const cases: readonly Case[] = [
  { name: 'a plain pod', spec: {}, violations: [] },
  { name: 'no container', spec: { containers: [] }, violations: ['spec.containers: Required value'] },
  {
    name: 'one name twice, init containers included',
    spec: { initContainers: [c()] },
    violations: ['spec.initContainers[0].name: Duplicate value: "c"'],
  },
  {
    name: 'a mount without a volume, and two at one place',
    spec: {
      volumes: [{ name: 'v', emptyDir: {} }],
      containers: [
        c({
          volumeMounts: [
            { name: 'v', mountPath: '/a' },
            { name: 'w', mountPath: '/a' },
          ],
        }),
      ],
    },
    violations: [
      'spec.containers[0].volumeMounts[1].name: Not found: "w"',
      'spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/a": must be unique',
    ],
  },
  {
    name: 'a volume of two kinds',
    spec: { volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/a' } }] },
    violations: ['spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type'],
  },
  {
    name: 'a request above its limit',
    spec: { containers: [c({ resources: { limits: { cpu: '1' }, requests: { cpu: '1500m' } } })] },
    violations: [
      'spec.containers[0].resources.requests: Invalid value: "1500m": must be less than or equal to cpu limit of 1',
    ],
  },
  {
    name: 'containers that want more than the pod as a whole has',
    spec: {
      containers: [c({ resources: { requests: { cpu: '1500m' }, limits: { cpu: '3', memory: '2Gi' } } })],
      resources: { requests: { cpu: '1' }, limits: { cpu: '2', memory: '4Gi', 'example.com/a': '1' } },
    },
    violations: [
      'spec.resources.limits[example.com/a]: Unsupported value: "example.com/a": supported values: "cpu", "hugepages-", "memory"',
      'spec.resources.requests[cpu]: Invalid value: "1": must be greater than or equal to aggregate container requests of 1500m',
      'spec.resources.containers[0][cpu].limits: Invalid value: "3": must be less than or equal to pod limits of 2',
    ],
  },
  {
    name: 'resize policies that contradict each other, and the pod',
    spec: {
      restartPolicy: 'Never',
      containers: [
        c({
          resizePolicy: [
            { resourceName: 'cpu', restartPolicy: 'RestartContainer' },
            { resourceName: 'cpu', restartPolicy: 'NotRequired' },
            { resourceName: 'pids', restartPolicy: 'NotRequired' },
          ],
        }),
      ],
    },
    violations: [
      "spec.containers[0].resizePolicy: Invalid value: \"RestartContainer\": must be 'NotRequired' when `restartPolicy` is 'Never'",
      'spec.containers[0].resizePolicy: Duplicate value: "cpu"',
      'spec.containers[0].resizePolicy: Unsupported value: "pids": supported values: "cpu", "memory"',
    ],
  },
  {
    name: 'a probe without an action',
    spec: { containers: [c({ livenessProbe: {} })] },
    violations: ['spec.containers[0].livenessProbe: Required value: must specify a handler type'],
  },
  {
    name: 'a host port twice',
    spec: {
      containers: [
        c({ ports: [{ containerPort: 1, hostPort: 8080 }] }),
        c({ name: 'd', ports: [{ containerPort: 2, hostPort: 8080 }] }),
      ],
    },
    violations: ['spec.containers[1].ports[0].hostPort: Duplicate value: "TCP//8080"'],
  },
  {
    name: 'a probe of an init container that ends',
    spec: { initContainers: [c({ name: 'i', readinessProbe: { exec: { command: ['a'] } } })] },
    violations: [
      'spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
    ],
  },
  {
    name: 'a toleration for a time of what is not evicted',
    spec: { tolerations: [{ key: 'a', effect: 'NoSchedule', tolerationSeconds: 3 }] },
    violations: [
      'spec.tolerations[0].effect: Invalid value: "NoSchedule": effect must be \'NoExecute\' when `tolerationSeconds` is set',
    ],
  },
];

for (const { name, spec, violations: expected } of cases) {
  void t.test(name, async (t) => {
    const violations = new Violations();
    validatePodSpec(pod(spec).spec, 'spec', violations);
    t.strictSame(
      violations.causes.map((cause) => `${cause.field ?? ''}: ${cause.message ?? ''}`),
      expected,
    );
  });
}

void t.test('what may change about a pod', async (t) => {
  const before = pod({ tolerations: [{ key: 'a', operator: 'Exists' }], schedulingGates: [{ name: 'g' }] });
  const allowed = (change: (next: Pod) => void): boolean => {
    const next = structuredClone(before);
    change(next);
    const violations = new Violations();
    validatePodUpdate(next, before, violations);
    return !violations.any;
  };
  const first = (next: Pod): Pod['spec']['containers'][number] => {
    const [container] = next.spec.containers;
    if (container === undefined) throw new Error('no container');
    return container;
  };
  t.equal(
    allowed(() => undefined),
    true,
    'nothing',
  );
  t.equal(
    allowed((next) => (first(next).image = 'y')),
    true,
    'an image',
  );
  t.equal(
    allowed((next) => (next.spec.activeDeadlineSeconds = 5)),
    true,
    'a deadline',
  );
  t.equal(
    allowed((next) => next.spec.tolerations?.push({ key: 'b', operator: 'Exists' })),
    true,
    'more tolerations',
  );
  t.equal(
    allowed((next) => delete next.spec.schedulingGates),
    true,
    'fewer gates',
  );
  t.equal(
    allowed((next) => (next.spec.tolerations = [])),
    false,
    'fewer tolerations',
  );
  t.equal(
    allowed((next) => (next.spec.nodeName = 'n')),
    false,
    'its node',
  );
  t.equal(
    allowed((next) => (first(next).command = ['a'])),
    false,
    'a command',
  );
  t.equal(
    allowed((next) => next.spec.containers.push({ name: 'n', image: 'x' })),
    false,
    'a container more',
  );
  t.equal(
    allowed((next) => (next.spec.schedulingGates = [{ name: 'h' }])),
    false,
    'another gate',
  );
});
