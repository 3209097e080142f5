import type { Lease } from '../generated/coordination-v1.js';
import { define } from './define.js';

export const leases = define<Lease>('coordination/v1', 'namespaced', 'Lease', { plural: 'leases' });
