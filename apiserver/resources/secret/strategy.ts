/** Secrets: `stringData` is a way to write, never to read. */
import type { Secret } from '../../../api/generated/core-v1.js';
import { secrets } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validateSecret, validateSecretUpdate } from './validation.js';

export const secretStrategy: Strategy<Secret> = {
  definition: secrets,
  selectableFields: { type: (secret) => secret.type ?? '' },
  setDefaults(secret) {
    secret.type ??= 'Opaque';
    if (secret.stringData === undefined) return;
    secret.data = { ...secret.data };
    for (const [key, value] of Object.entries(secret.stringData))
      secret.data[key] = Buffer.from(value).toString('base64');
    delete secret.stringData;
  },
  validate: validateSecret,
  validateUpdate: validateSecretUpdate,
};
