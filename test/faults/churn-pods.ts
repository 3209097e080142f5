/** The pods of a churn: each sort leaves something else behind when its end is not clean. Pure. */

const web = 'localhost/knarr/web:1';

interface Sort {
  /** How far it comes; running where absent. */
  readonly ends?: string;
  readonly spec: Record<string, unknown>;
}

const container = { name: 'web', image: web, imagePullPolicy: 'IfNotPresent' };
const shell = (script: string): Record<string, unknown> => ({
  name: 'main',
  image: web,
  imagePullPolicy: 'IfNotPresent',
  command: ['sh', '-c', script],
});

const podName = { path: 'name', fieldRef: { fieldPath: 'metadata.name' } };

const sorts: readonly Sort[] = [
  { spec: { containers: [container] } },
  {
    spec: {
      volumes: [
        { name: 'memory', emptyDir: { medium: 'Memory' } },
        { name: 'disk', emptyDir: {} },
        { name: 'settings', configMap: { name: 'settings' } },
        {
          name: 'together',
          projected: {
            sources: [{ configMap: { name: 'settings' } }, { downwardAPI: { items: [podName] } }],
          },
        },
      ],
      containers: [
        {
          ...container,
          volumeMounts: ['memory', 'disk', 'settings', 'together'].map((name) => ({
            name,
            mountPath: `/volumes/${name}`,
          })),
        },
      ],
    },
  },
  {
    spec: {
      initContainers: [
        { ...shell('true'), name: 'first' },
        {
          ...shell('trap "exit 0" TERM; while true; do sleep 1; done'),
          name: 'side',
          restartPolicy: 'Always',
        },
      ],
      containers: [container],
    },
  },
  {
    spec: {
      containers: [
        { ...container, livenessProbe: { httpGet: { port: 8080, path: '/' }, periodSeconds: 1 } },
        {
          ...shell('trap "exit 0" TERM; while true; do sleep 1; done'),
          readinessProbe: { exec: { command: ['true'] }, periodSeconds: 1 },
        },
      ],
    },
  },
  // Hears no SIGTERM.
  {
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [shell('trap "" TERM; while true; do sleep 1; done')],
    },
  },
  { ends: 'done', spec: { restartPolicy: 'Never', containers: [shell('echo done')] } },
  { ends: 'crashing', spec: { containers: [shell('exit 1')] } },
  {
    ends: 'without-image',
    spec: { containers: [{ name: 'main', image: 'localhost/knarr/none:1', imagePullPolicy: 'Never' }] },
  },
];

/** So many pods, all sorts in turn. */
export function churnPods(count: number, namespace: string, round: string): Record<string, unknown>[] {
  return Array.from({ length: count }, (_, index) => {
    const name = `churn-${round}-${index}`;
    const { ends = 'running', spec } = sorts[index % sorts.length] as Sort;
    return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, labels: { ends } }, spec };
  });
}
