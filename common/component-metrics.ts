/** Metrics that every program has: of its process, its build, and its health checks, under Kubernetes' names. */
import { collectDefaultMetrics } from 'prom-client';
import type { Registry } from 'prom-client';
import type { HealthObserver } from './health-checks.js';
import { counterFamily, gaugeFamily } from './metric-cells.js';
import { versionInfo } from './version.js';

/** Of the process and its build: once a process. */
export function registerProcessMetrics(registry: Registry): void {
  // prom-client samples the event loop's delay with a timer of 10 ms, which costs half a percent of a core at rest.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 5_000 });
  const { major, minor, gitVersion, gitCommit, gitTreeState, buildDate, goVersion, compiler, platform } =
    versionInfo();
  gaugeFamily(registry, {
    name: 'kubernetes_build_info',
    help: 'Always 1; its labels tell which API the program speaks, and what it runs on.',
    labelNames: [
      'major',
      'minor',
      'git_version',
      'git_commit',
      'git_tree_state',
      'build_date',
      'go_version',
      'compiler',
      'platform',
    ],
  })
    .with(major, minor, gitVersion, gitCommit, gitTreeState, buildDate, goVersion, compiler, platform)
    .set(1);
}

const healthObservers = new WeakMap<Registry, HealthObserver>();

/** Counts each run of a health check; one for all endpoints that show the same metrics. */
export function healthObserverOf(registry: Registry): HealthObserver {
  const known = healthObservers.get(registry);
  if (known !== undefined) return known;
  const made = createHealthObserver(registry);
  healthObservers.set(registry, made);
  return made;
}

function createHealthObserver(registry: Registry): HealthObserver {
  const last = gaugeFamily(registry, {
    name: 'kubernetes_healthcheck',
    help: 'What a health check said last: 1 fine, 0 failed.',
    labelNames: ['name', 'type'],
  });
  const total = counterFamily(registry, {
    name: 'kubernetes_healthchecks_total',
    help: 'Runs of health checks by what they said.',
    labelNames: ['name', 'type', 'status'],
  });
  return (endpoint, name, fine) => {
    last.with(name, endpoint).set(fine ? 1 : 0);
    total.with(name, endpoint, fine ? 'success' : 'error').inc();
  };
}
