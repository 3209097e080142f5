/** Asks another process of the control plane, on this machine, how it is. */
import { request } from 'node:https';
import { systemClock } from '../../common/clock.js';
import { Deadline } from '../../common/deadline.js';

export interface ComponentProbe {
  readonly healthy: boolean;
  /** False when nobody could be asked. */
  readonly answered: boolean;
  readonly message: string;
  readonly error?: string;
}

const timeoutMs = 5_000;
const maxMessageLength = 1024;

/** GET /healthz on the loopback address. Never rejects: what goes wrong is the answer. */
export function probeComponent(port: number, signal: AbortSignal): Promise<ComponentProbe> {
  const limit = new Deadline(systemClock, timeoutMs, signal);
  const probed = new Promise<ComponentProbe>((resolve) => {
    const failed = (error: Error): void => {
      resolve({ healthy: false, answered: false, message: '', error: error.message });
    };
    const asked = request(
      {
        host: '127.0.0.1',
        port,
        path: '/healthz',
        signal: limit.signal,
        // Nothing secret goes out, and these processes may have made their certificates themselves.
        rejectUnauthorized: false,
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          if (text.length < maxMessageLength) text += chunk;
        });
        response.on('error', failed);
        response.on('end', () => {
          const healthy = response.statusCode === 200;
          resolve({
            healthy,
            answered: true,
            message: text.slice(0, maxMessageLength),
            ...(healthy ? {} : { error: `healthz answered ${String(response.statusCode)}` }),
          });
        });
      },
    );
    asked.on('error', failed);
    asked.end();
  });
  return probed.finally(() => {
    limit.clear();
  });
}
