/** ComponentStatuses: the health of the store and of the processes beside this one, asked for at the moment of the request. */
import type { ComponentStatus } from '../../api/generated/core-v1.js';
import { notFound } from '../../api/status-error.js';
import type { Handler, ResourceRequest } from '../handlers/context.js';
import { respondList, respondStored } from '../handlers/represent.js';
import { readSelection } from '../handlers/selection.js';
import { subjectOf } from '../storage/error-subject.js';
import { ObjectCodec } from '../storage/object-codec.js';
import { StoredObject } from '../storage/stored-object.js';
import type { ComponentProbe } from './probe-component.js';

const controlPlane = [
  { name: 'controller-manager', port: 10257 },
  { name: 'scheduler', port: 10259 },
];
const storeName = 'etcd-0';

/** GET and LIST; there is nothing to write or watch. */
export const componentStatusHandlers: Readonly<Record<string, Handler>> = {
  list: async (request) => {
    const selection = readSelection(request);
    const names = [...controlPlane.map(({ name }) => name), storeName];
    const items = await Promise.all(names.map((name) => statusOf(request, name)));
    const selected = items.flatMap((item) =>
      item !== undefined && selection.matches(item) ? [item.record] : [],
    );
    await respondList(request, selected, { resourceVersion: '' });
  },
  get: async (request) => {
    const { path, served } = request;
    const found = await statusOf(request, path.name);
    if (found === undefined) throw notFound(subjectOf(served.definition), path.name);
    await respondStored(request, found);
  },
};

/** In the form of what is stored, so that it is answered in every representation. Undefined for an unknown name. */
async function statusOf(request: ResourceRequest, name: string): Promise<StoredObject | undefined> {
  const probe = await probeOf(request, name);
  if (probe === undefined) return undefined;
  const { definition } = request.served;
  const status: ComponentStatus = {
    apiVersion: 'v1',
    kind: 'ComponentStatus',
    metadata: { name } as ComponentStatus['metadata'],
    conditions: [
      {
        type: 'Healthy',
        status: probe.healthy ? 'True' : probe.answered ? 'False' : 'Unknown',
        message: probe.message,
        ...(probe.error === undefined ? {} : { error: probe.error }),
      },
    ],
  };
  const codec = new ObjectCodec(definition);
  const value = codec.encode(status);
  return new StoredObject(codec, { key: name, value, createRevision: 0, modRevision: 0 }, 0);
}

async function probeOf(
  { parts, exchange }: ResourceRequest,
  name: string,
): Promise<ComponentProbe | undefined> {
  if (name === storeName) return probeStore(parts.checkStore);
  const component = controlPlane.find((one) => one.name === name);
  if (component === undefined) return undefined;
  const { probeComponent } = await import('./probe-component.js');
  return probeComponent(component.port, exchange.signal);
}

async function probeStore(check: () => Promise<void>): Promise<ComponentProbe> {
  try {
    await check();
    return { healthy: true, answered: true, message: 'ok' };
  } catch (error) {
    // Not being healthy is the answer here, not a failure of the request.
    const message = error instanceof Error ? error.message : String(error);
    return { healthy: false, answered: true, message: '', error: message };
  }
}
