/**
 * Admission: what looks at a write between authorization and the store. Plugins may change the object (`admit`)
 * and then all of them may refuse it (`validate`), in the order of `registry.ts`.
 */
import type { KubernetesObject } from '../../api/objects.js';
import type { ResourceDefinition } from '../../api/resources.js';
import type { Clock } from '../../common/clock.js';
import type { UserInfo } from '../filters/user-info.js';
import type { AdmissionMetrics, AdmissionStep, Operation, StepMeter } from './admission-metrics.js';

export interface AdmissionRequest {
  readonly operation: Operation;
  readonly definition: ResourceDefinition;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  /** The object to be written; absent for DELETE. `admit` may change it. */
  readonly object?: KubernetesObject;
  /** What is there now; absent for CREATE. Read-only. */
  readonly before?: KubernetesObject;
}

/** Both methods may be called concurrently and more than once for one write. They refuse by throwing StatusError. */
export interface AdmissionPlugin {
  readonly name: string;
  admit?(request: AdmissionRequest): Promise<void> | void;
  validate?(request: AdmissionRequest): Promise<void> | void;
}

/** A plugin in one of the two steps, with what it shows of itself. */
interface Stage {
  readonly run: (request: AdmissionRequest) => Promise<void> | void;
  readonly meter: StepMeter;
}

export class AdmissionChain {
  readonly #admit: (request: AdmissionRequest) => Promise<void>;
  readonly #validate: (request: AdmissionRequest) => Promise<void>;

  constructor(plugins: readonly AdmissionPlugin[], metrics: AdmissionMetrics) {
    const step = (name: AdmissionStep): ((request: AdmissionRequest) => Promise<void>) => {
      const stages = plugins.flatMap((plugin): Stage[] => {
        const run = plugin[name]?.bind(plugin);
        return run === undefined ? [] : [{ run, meter: metrics.plugin(plugin.name, name) }];
      });
      const meter = metrics.step(name);
      return (request) => runStep(stages, meter, metrics.clock, request);
    };
    this.#admit = step('admit');
    this.#validate = step('validate');
  }

  async admit(request: AdmissionRequest): Promise<void> {
    await this.#admit(request);
  }

  async validate(request: AdmissionRequest): Promise<void> {
    await this.#validate(request);
  }
}

/** Each plugin begins when the one before it has ended, so one look at the clock between them is enough. */
async function runStep(
  stages: readonly Stage[],
  whole: StepMeter,
  clock: Clock,
  request: AdmissionRequest,
): Promise<void> {
  const { operation } = request;
  const startedMs = clock.monotonicMs();
  let lastMs = startedMs;
  for (const { run, meter } of stages) {
    try {
      const running = run(request);
      if (running !== undefined) await running;
    } catch (refusal) {
      const endedMs = clock.monotonicMs();
      meter.observe(operation, true, (endedMs - lastMs) / 1000);
      whole.observe(operation, true, (endedMs - startedMs) / 1000);
      throw refusal;
    }
    const endedMs = clock.monotonicMs();
    meter.observe(operation, false, (endedMs - lastMs) / 1000);
    lastMs = endedMs;
  }
  whole.observe(operation, false, (lastMs - startedMs) / 1000);
}
