/** What /healthz, /livez and /readyz answer, whole or one check by name, in the words of Kubernetes. */

/** A named check: resolves when fine, rejects with what is wrong. */
export type HealthCheck = () => Promise<void> | void;
export type HealthChecks = Readonly<Record<string, HealthCheck>>;

/** Told what each check said that was run for an endpoint. */
export type HealthObserver = (endpoint: string, check: string, fine: boolean) => void;

export interface HealthAnswer {
  readonly status: 200 | 500;
  readonly text: string;
}

const endpoints: ReadonlySet<string> = new Set(['healthz', 'livez', 'readyz']);

/**
 * Answers a path such as `/readyz` or `/readyz/store`; undefined for one that is no health endpoint or no check of it.
 * `?exclude=NAME` leaves a check out, as often as wanted; `?verbose` tells of each. `ping` is always there.
 */
export async function answerHealth(
  path: string,
  query: URLSearchParams,
  checksOf: (endpoint: string) => HealthChecks,
  observe: HealthObserver = () => undefined,
): Promise<HealthAnswer | undefined> {
  const [, endpoint = '', name = '', ...rest] = path.split('/');
  if (!endpoints.has(endpoint) || rest.length > 0) return undefined;
  const checks: HealthChecks = { ping: () => undefined, ...checksOf(endpoint) };
  if (name !== '') return answerOne(endpoint, name, checks, observe);
  const lines: string[] = [];
  let healthy = true;
  const excluded = new Set(query.getAll('exclude').filter((one) => one !== ''));
  for (const [check, run] of Object.entries(checks)) {
    if (excluded.delete(check)) {
      lines.push(`[+]${check} excluded: ok`);
      continue;
    }
    const problem = await problemOf(run);
    observe(endpoint, check, problem === undefined);
    if (problem !== undefined) healthy = false;
    lines.push(problem === undefined ? `[+]${check} ok` : `[-]${check} failed: ${problem}`);
  }
  if (excluded.size > 0) {
    const names = [...excluded].map((one) => JSON.stringify(one)).join(', ');
    lines.push(`warn: some health checks cannot be excluded: no matches for ${names}`);
  }
  lines.push(`${endpoint} check ${healthy ? 'passed' : 'failed'}`);
  if (healthy && !query.has('verbose')) return { status: 200, text: 'ok' };
  return { status: healthy ? 200 : 500, text: `${lines.join('\n')}\n` };
}

async function answerOne(
  endpoint: string,
  name: string,
  checks: HealthChecks,
  observe: HealthObserver,
): Promise<HealthAnswer | undefined> {
  const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
  if (check === undefined) return undefined;
  const problem = await problemOf(check);
  observe(endpoint, name, problem === undefined);
  return problem === undefined
    ? { status: 200, text: 'ok' }
    : { status: 500, text: `internal server error: ${problem}\n` };
}

async function problemOf(check: HealthCheck): Promise<string | undefined> {
  try {
    await check();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
