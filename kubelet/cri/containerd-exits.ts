/**
 * The ends of containers, told by containerd itself: versions before 1.7 have no stream of events in the CRI, but on the
 * same socket one of their own. Only ends are told: all else that happens to a container is the kubelet's own doing.
 */
import { credentials } from '@grpc/grpc-js';
import { loadProto, serviceIn } from '../../proto/load.js';
import { readObject, readString } from './grpc-messages.js';

/** The namespace in which containerd keeps what the CRI has made, and the one topic of ends. */
const filter = 'topic=="/tasks/exit",namespace=="k8s.io"';

/**
 * IDs of containers and sandboxes whose first process has ended, until the signal aborts. Throws gRPC's error when the
 * stream breaks: UNIMPLEMENTED where the runtime is not containerd.
 */
export async function* containerdExits(endpoint: string, signal: AbortSignal): AsyncIterable<string> {
  const service = serviceIn(loadProto('containerd/events.proto'), 'containerd.services.events.v1.Events');
  const client = new service(endpoint, credentials.createInsecure());
  const method = service.service['Subscribe'];
  if (method === undefined) throw new Error('the description of the events has no call Subscribe');
  const stream = client.makeServerStreamRequest(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    { filters: [filter] },
  );
  const cancel = (): void => {
    stream.cancel();
  };
  signal.addEventListener('abort', cancel, { once: true });
  try {
    for await (const message of stream) {
      const { containerId, id } = exitIn(message);
      // What was executed in a container ends as well.
      if (containerId !== '' && containerId === id) yield containerId;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', cancel);
    stream.cancel();
    client.close();
  }
}

function exitIn(message: unknown): { readonly containerId: string; readonly id: string } {
  const exit = readObject(readObject(readObject(message)['event'])['value']);
  return { containerId: readString(exit['containerId']), id: readString(exit['id']) };
}
