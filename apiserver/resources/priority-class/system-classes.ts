/** The two classes that are always there, above everything that users may define. */
export const highestUserPriority = 1_000_000_000;

interface SystemClass {
  readonly name: string;
  readonly value: number;
  readonly description: string;
}

export const systemClasses: readonly SystemClass[] = [
  {
    name: 'system-node-critical',
    value: 2 * highestUserPriority + 1000,
    description: 'For pods without which a node cannot work: they are never moved away.',
  },
  {
    name: 'system-cluster-critical',
    value: 2 * highestUserPriority,
    description: 'For pods without which the cluster cannot work: they may be moved, but must run somewhere.',
  },
];
