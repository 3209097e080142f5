/** The text forms of health endpoints, that people and scripts read. */
import t from 'tap';
import { answerHealth } from '../../../common/health-checks.js';
import type { HealthChecks } from '../../../common/health-checks.js';

const fails = (): void => {
  throw new Error('it is full');
};
const later = (): Promise<void> => Promise.reject(new Error('no answer'));

const cases: readonly {
  readonly title: string;
  readonly target: string;
  readonly checks?: HealthChecks;
  readonly answer: { readonly status: number; readonly text: string } | undefined;
}[] = [
  { title: 'well', target: '/healthz', answer: { status: 200, text: 'ok' } },
  {
    title: 'well, in full',
    target: '/livez?verbose',
    checks: { store: () => undefined },
    answer: { status: 200, text: '[+]ping ok\n[+]store ok\nlivez check passed\n' },
  },
  {
    title: 'not well: in full without being asked',
    target: '/readyz',
    checks: { store: fails, cache: () => undefined, peer: later },
    answer: {
      status: 500,
      text: '[+]ping ok\n[-]store failed: it is full\n[+]cache ok\n[-]peer failed: no answer\nreadyz check failed\n',
    },
  },
  {
    title: 'what is excluded is not asked',
    target: '/readyz?verbose&exclude=store&exclude=ping',
    checks: { store: fails },
    answer: { status: 200, text: '[+]ping excluded: ok\n[+]store excluded: ok\nreadyz check passed\n' },
  },
  {
    title: 'excluded, in short',
    target: '/readyz?exclude=store',
    checks: { store: fails },
    answer: { status: 200, text: 'ok' },
  },
  {
    title: 'a name that is none is told',
    target: '/readyz?verbose=1&exclude=stroe',
    checks: { store: () => undefined },
    answer: {
      status: 200,
      text: '[+]ping ok\n[+]store ok\nwarn: some health checks cannot be excluded: no matches for "stroe"\nreadyz check passed\n',
    },
  },
  {
    title: 'one check',
    target: '/readyz/store',
    checks: { store: () => undefined },
    answer: { status: 200, text: 'ok' },
  },
  {
    title: 'one check that fails',
    target: '/readyz/store',
    checks: { store: fails },
    answer: { status: 500, text: 'internal server error: it is full\n' },
  },
  { title: 'ping', target: '/livez/ping', answer: { status: 200, text: 'ok' } },
  { title: 'a slash at the end', target: '/livez/', answer: { status: 200, text: 'ok' } },
  { title: 'no such check', target: '/livez/none', answer: undefined },
  { title: 'no check either', target: '/livez/toString', answer: undefined },
  { title: 'too long', target: '/livez/ping/x', answer: undefined },
  { title: 'no health endpoint', target: '/version', answer: undefined },
];

for (const { title, target, checks = {}, answer } of cases)
  void t.test(title, async (t) => {
    const { pathname, searchParams } = new URL(target, 'http://localhost');
    t.strictSame(await answerHealth(pathname, searchParams, () => checks), answer);
  });
