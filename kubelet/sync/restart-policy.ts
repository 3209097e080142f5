/** Whether a container that ended is started again: its own rules, its own policy, then the Pod's. Pure. */
import type { Container, PodSpec } from '../../api/generated/core-v1.js';

type RestartRules = Pick<Container, 'restartPolicy' | 'restartPolicyRules'>;

export function willRestart(
  spec: Pick<PodSpec, 'restartPolicy'>,
  container: RestartRules,
  exitCode: number,
): boolean {
  // Rules belong to a policy of the container: the API refuses them without one.
  if (container.restartPolicy !== undefined && hasMatchingRule(container, exitCode)) return true;
  const policy = container.restartPolicy ?? spec.restartPolicy ?? 'Always';
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

function hasMatchingRule({ restartPolicyRules }: RestartRules, exitCode: number): boolean {
  return (restartPolicyRules ?? []).some(({ action, exitCodes }) => {
    if (action !== 'Restart' || exitCodes === undefined) return false;
    const isListed = (exitCodes.values ?? []).includes(exitCode);
    return exitCodes.operator === 'NotIn' ? !isListed : isListed;
  });
}
