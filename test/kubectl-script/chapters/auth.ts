import { step } from '../step.js';
import type { Chapter } from '../step.js';

/** Who I am, and what I may do. */
export const auth: Chapter = {
  name: 'auth',
  steps: [
    step('can-i', 'auth can-i create pods'),
    step('can-i-all', "auth can-i '*' '*' --all-namespaces"),
    step('can-i-subresource', 'auth can-i get pods --subresource=log'),
    step('can-i-path', 'auth can-i get /healthz'),
    step('can-i-quiet', 'auth can-i delete nodes --quiet'),
    step('can-i-unknown', 'auth can-i get ships'),
    step('can-i-list', 'auth can-i --list'),
    step('whoami', 'auth whoami', { from: 'v1.28' }),
    step('whoami-json', 'auth whoami -o jsonpath={.status.userInfo.username}', { from: 'v1.28' }),
    step('reconcile', 'auth reconcile -f roles.yaml'),
    step('reconciled', 'get role auth-reader -o jsonpath={.rules}'),
    step('requests', 'create -f certificates.yaml'),
    step('pending', 'get certificatesigningrequests'),
    step('approve', 'certificate approve jane'),
    step('deny', 'certificate deny john'),
    step('approve-again', 'certificate approve jane'),
    step('approve-missing', 'certificate approve nobody', { exit: 1 }),
    step('decided', 'get certificatesigningrequests'),
    step('describe', 'describe certificatesigningrequest jane'),
    step('delete', 'delete -f certificates.yaml'),
  ],
};
