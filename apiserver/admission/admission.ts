/**
 * Admission: what looks at a write between authorization and the store. Plugins may change the object (`admit`)
 * and then all of them may refuse it (`validate`), in the order of `registry.ts`.
 */
import type { KubernetesObject } from '../../api/objects.js';
import type { ResourceDefinition } from '../../api/resources.js';
import type { UserInfo } from '../filters/user-info.js';

export interface AdmissionRequest {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE';
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

export class AdmissionChain {
  readonly #plugins: readonly AdmissionPlugin[];

  constructor(plugins: readonly AdmissionPlugin[]) {
    this.#plugins = plugins;
  }

  async admit(request: AdmissionRequest): Promise<void> {
    for (const plugin of this.#plugins) await plugin.admit?.(request);
  }

  async validate(request: AdmissionRequest): Promise<void> {
    for (const plugin of this.#plugins) await plugin.validate?.(request);
  }
}
