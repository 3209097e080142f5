import t from 'tap';
import { decodeConfiguration } from '../../../kubelet/config/decode-configuration.js';
import { allPodsLimits, nodeAllocatable, nodeCapacity } from '../../../kubelet/node/node-resources.js';

const gibibyte = 1024 ** 3;
const machine = {
  cpuCount: 4,
  memoryBytes: 16 * gibibyte,
  storageBytes: 100 * gibibyte,
  hugepages: [{ sizeBytes: 2 * 1024 * 1024, count: 512 }],
};
const plain = decodeConfiguration({}).configuration;
const nothing = { ...plain, evictionHard: {} };

void t.test('capacity, and what of it is there for pods', async (t) => {
  t.strictSame(nodeCapacity({ machine, configuration: nothing }), {
    cpu: '4',
    memory: '16777216Ki',
    'ephemeral-storage': '104857600Ki',
    'hugepages-2Mi': '1Gi',
    pods: '110',
  });
  t.match(nodeAllocatable({ machine, configuration: nothing }), {
    cpu: '4',
    memory: `${15 * 1024 ** 2}Ki`,
  });
  const configuration = {
    ...plain,
    kubeReserved: { cpu: '250m', memory: '1Gi', 'ephemeral-storage': '1Gi', pid: '1000' },
    systemReserved: { cpu: '250m', memory: '1Gi' },
    evictionHard: {
      'memory.available': { kind: 'quantity', amount: gibibyte },
      'nodefs.available': { kind: 'percentage', percent: 10 },
    },
  } as const;
  t.strictSame(nodeAllocatable({ machine, configuration }), {
    cpu: '3500m',
    memory: `${12 * 1024 ** 2}Ki`,
    'ephemeral-storage': '89Gi',
    'hugepages-2Mi': '1Gi',
    pods: '110',
  });
  const enforced = allPodsLimits({ machine, configuration }, { enforce: true, maxProcesses: 32_768 });
  t.match(
    enforced,
    { cpuShares: 3584, memoryLimitBytes: 14 * gibibyte, pidsLimit: 31_768 },
    'what hard eviction keeps free is not taken off',
  );
  const free = allPodsLimits({ machine, configuration }, { enforce: false, maxProcesses: 32_768 });
  t.match(free, { cpuShares: 3584, memoryLimitBytes: 0, pidsLimit: 0 });
  const greedy = { ...configuration, systemReserved: { memory: '1Ti' } };
  t.match(nodeAllocatable({ machine, configuration: greedy }), { memory: '0Ki' });
});
