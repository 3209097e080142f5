/** Scrapes the programs that can run without a machine of their own: all that the tables say is on their pages. */
import t from 'tap';
import type { Test } from 'tap';
import { startFixture } from '../support/apiserver-fixture.js';
import { ComponentProcess } from '../support/component-process.js';
import { freePorts } from '../support/free-ports.js';
import * as tables from '../support/metric-tables.js';
import type { ExpectedMetric } from '../support/metric-tables.js';
import { until } from '../support/until.js';

const fixture = await startFixture();
t.teardown(() => fixture.stop());

function checkPage(t: Test, page: string, ...expected: readonly (readonly ExpectedMetric[])[]): void {
  const types = new Map([...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]));
  for (const { name, type } of expected.flat()) t.equal(types.get(name), type, name);
}

void t.test('apiserver', async (t) => {
  checkPage(t, (await fixture.request('GET', '/metrics')).text, tables.ofApiServer);
});

const [schedulerPort = 0, managerPort = 0] = await freePorts(2);
const programs = [
  { name: 'scheduler', port: schedulerPort, expected: tables.ofScheduler },
  { name: 'controller-manager', port: managerPort, expected: tables.ofControllerManager },
];

for (const { name, port, expected } of programs) {
  void t.test(name, async (t) => {
    const kubeconfig = await fixture.pki.kubeconfig(name, fixture.url);
    const process = new ComponentProcess(name, kubeconfig, ['--secure-port', String(port)]);
    process.start();
    t.teardown(() => process.stop());
    let page = '';
    const shows = async (): Promise<boolean> => {
      try {
        page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      } catch (error) {
        // It does not listen yet.
        if (error instanceof TypeError) return false;
        throw error;
      }
      return expected.every((one) => page.includes(`# TYPE ${one.name} `));
    };
    await until('all metrics are there', shows, 30_000);
    checkPage(t, page, expected, tables.everywhere, tables.ofClients);
    t.match(page, /^kubernetes_build_info\{.*git_version="v1\.35\.\d+\+knarr".*\} 1$/m);
  });
}
