import type * as certificates from '../generated/certificates-v1.js';
import { define } from './define.js';

export const certificateSigningRequests = define<certificates.CertificateSigningRequest>(
  'certificates/v1',
  'cluster',
  'CertificateSigningRequest',
  { plural: 'certificatesigningrequests', shortNames: ['csr'], subresources: ['status', 'approval'] },
);
