/** Which sources of static Pods the configuration names, ready to run. */
import { loadSchema } from '../../api/schema/load.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { KubeletConfiguration } from '../config/kubelet-configuration.js';
import { runFileSource } from './file-source.js';
import { runHttpSource } from './http-source.js';
import type { PodSourcesOptions } from './pod-sources.js';

/** The description of the API is loaded only where there is a source: most nodes have none, and save its memory. */
export function staticSources(
  configuration: Pick<
    KubeletConfiguration,
    'staticPodPath' | 'fileCheckFrequencyMs' | 'staticPodURL' | 'staticPodURLHeader' | 'httpCheckFrequencyMs'
  >,
  parts: { readonly nodeName: string; readonly clock: Clock; readonly log: Logger },
): PodSourcesOptions['staticSources'] {
  const { staticPodPath, staticPodURL } = configuration;
  if (staticPodPath === '' && staticPodURL === '') return {};
  const { nodeName, clock, log } = parts;
  const seenAt = new Date(clock.now()).toISOString();
  const common = { clock, log, origin: { nodeName, seenAt, schema: loadSchema() } };
  return {
    ...(staticPodPath === ''
      ? {}
      : {
          file: (onPods, signal) =>
            runFileSource(
              { ...common, path: staticPodPath, intervalMs: configuration.fileCheckFrequencyMs, onPods },
              signal,
            ),
        }),
    ...(staticPodURL === ''
      ? {}
      : {
          http: (onPods, signal) =>
            runHttpSource(
              {
                ...common,
                url: staticPodURL,
                headers: configuration.staticPodURLHeader,
                intervalMs: configuration.httpCheckFrequencyMs,
                onPods,
              },
              signal,
            ),
        }),
  };
}
