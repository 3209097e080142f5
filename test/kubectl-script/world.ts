/**
 * A cluster for one version of kubectl: the API server in this process, controllers and scheduler as processes of their
 * own, a real kubelet on a runtime in memory. Only containers are missing.
 */
import { appendFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { nodes } from '../../api/resources.js';
import { createRestClient } from '../../client/rest-client.js';
import { systemClock } from '../../common/clock.js';
import { MemoryRuntime } from '../../kubelet/cri/memory-runtime.js';
import { startFixture } from '../support/apiserver-fixture.js';
import type { ApiServerFixture } from '../support/apiserver-fixture.js';
import { ComponentProcess } from '../support/component-process.js';
import { isReadyNode, TestNode } from '../support/kubelet.js';
import { until } from '../support/until.js';

export const images = ['localhost/knarr/web:1', 'localhost/knarr/web:2'];

export interface World {
  readonly fixture: ApiServerFixture;
  /** Home of the person at the keyboard: kubectl keeps its cache there. */
  readonly home: string;
  stop(): Promise<void>;
}

/** Resolves when the node is ready. */
export async function startWorld(): Promise<World> {
  const home = await mkdtemp(join(tmpdir(), 'knarr-kubectl-'));
  const fixture = await startFixture({ disabledAdmissionPlugins: [] });
  const client = createRestClient({
    connection: { kubeconfig: await fixture.pki.kubeconfig('kubelet', fixture.url) },
    userAgent: 'kubelet',
  });
  const node = new TestNode({ client, runtime: new TalkingRuntime(), logLevel: 'error' });
  node.pki = fixture.pki;
  const component = async (name: string, flags: readonly string[] = []): Promise<ComponentProcess> =>
    new ComponentProcess(name, await fixture.pki.kubeconfig(name, fixture.url), flags);
  const components = [
    await component('scheduler'),
    await component('controller-manager', ['--root-ca-file', fixture.pki.authorityFile]),
  ];
  for (const one of components) one.start();
  await node.start();
  await until(
    'the node is ready',
    async () => (await client.resource(nodes).list()).items.some(isReadyNode),
    20_000,
  );
  return {
    fixture,
    home,
    stop: async () => {
      await Promise.all(components.map((one) => one.stop('SIGKILL')));
      await node.remove();
      await client.close();
      await fixture.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** Each container says a word when it starts, so that there are logs. */
class TalkingRuntime extends MemoryRuntime {
  constructor() {
    super({ clock: systemClock, images, events: true });
  }

  override async startContainer(id: string): Promise<void> {
    const { logPath, metadata } = await this.containerStatus(id);
    await mkdir(dirname(logPath), { recursive: true });
    await appendFile(logPath, `${new Date().toISOString()} stdout F ${metadata.name} serves\n`);
    await super.startContainer(id);
  }
}
