/** Stops all pods of a container runtime and ends: run by `knarr down` when the kubelet has ended. */
import { InvalidArgumentError } from 'commander';
import { runComponent } from '../../common/component.js';
import { GrpcRuntime } from '../cri/grpc-runtime.js';
import { stopPods } from './stop-pods.js';

const parallel = 16;

await runComponent<{ containerRuntimeEndpoint: string; gracePeriod: number; remove: boolean }>({
  name: 'stop-pods',
  description: 'Stops all pods of a container runtime.',
  flags: (command) =>
    command
      .requiredOption('--container-runtime-endpoint <url>', 'socket of the runtime, unix:///…')
      .option('--grace-period <seconds>', 'between SIGTERM and SIGKILL', parseSeconds, 10)
      .option('--remove', 'remove the pods from the runtime as well', false),
  async run(flags, { signal, log }) {
    const runtime = new GrpcRuntime(flags.containerRuntimeEndpoint);
    try {
      const { stopped, failed } = await stopPods(runtime, {
        gracePeriodSeconds: flags.gracePeriod,
        remove: flags.remove,
        parallel,
        signal,
      });
      process.stdout.write(`${String(stopped)}\n`);
      for (const pod of failed) log.error('a pod could not be stopped', { pod });
      if (failed.length > 0) throw new Error(`${String(failed.length)} pods could not be stopped`);
    } finally {
      runtime.close();
    }
  },
});

function parseSeconds(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('not a number of seconds');
  return value;
}
