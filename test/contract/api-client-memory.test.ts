import t from 'tap';
import { createMemoryClient } from '../../client/memory-client.js';
import { apiClientContract } from './api-client.js';

apiClientContract(t, 'the in-memory client', {
  open: async () => ({ client: createMemoryClient(), namespace: 'default' }),
});
