/** How objects get from one version of a CustomResourceDefinition to another. */
import type { CustomResourceConversion } from '../../../api/generated/apiextensions-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateDns1035Label } from '../../../api/names.js';
import { validateClientConfig } from '../admission-rules/webhook-validation.js';

const strategies = ['None', 'Webhook'];
/** Knarr sends v1 and nothing else. */
const reviewVersions = ['v1', 'v1beta1'];

export function validateConversion(
  conversion: CustomResourceConversion | undefined,
  path: string,
  violations: Violations,
): void {
  if (conversion === undefined) return;
  const { strategy, webhook } = conversion;
  if (strategy === '') violations.required(`${path}.strategy`);
  else if (!strategies.includes(strategy)) violations.notSupported(`${path}.strategy`, strategy, strategies);
  if (strategy !== 'Webhook') {
    if (webhook?.clientConfig !== undefined)
      violations.forbidden(
        `${path}.webhookClientConfig`,
        'should not be set when strategy is not set to Webhook',
      );
    if ((webhook?.conversionReviewVersions ?? []).length > 0)
      violations.forbidden(
        `${path}.conversionReviewVersions`,
        'should not be set when strategy is not set to Webhook',
      );
    return;
  }
  violations.forbidden(`${path}.strategy`, 'conversion by webhooks is not served yet: use None');
  if (webhook?.clientConfig === undefined)
    violations.required(`${path}.webhookClientConfig`, 'required when strategy is set to Webhook');
  else validateClientConfig(webhook.clientConfig, `${path}.webhookClientConfig`, violations);
  validateReviewVersions(
    webhook?.conversionReviewVersions ?? [],
    `${path}.conversionReviewVersions`,
    violations,
  );
}

function validateReviewVersions(versions: readonly string[], path: string, violations: Violations): void {
  if (versions.length === 0) {
    violations.required(path);
    return;
  }
  for (const [index, version] of versions.entries()) {
    const at = `${path}[${index}]`;
    if (versions.indexOf(version) < index) violations.invalid(at, version, 'duplicate version');
    else violations.invalidEach(at, version, validateDns1035Label(version));
  }
  if (!versions.some((version) => reviewVersions.includes(version)))
    violations.invalid(path, versions, `must include at least one of ${reviewVersions.join(', ')}`);
}
