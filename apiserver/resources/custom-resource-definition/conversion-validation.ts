/** How objects get from one version of a CustomResourceDefinition to another. */
import { X509Certificate } from 'node:crypto';
import type { CustomResourceConversion } from '../../../api/generated/apiextensions-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateDns1035Label } from '../../../api/names.js';
import { validateClientConfig } from '../admission-rules/webhook-validation.js';

const strategies = ['None', 'Webhook'];
/** Versions of ConversionReview that can be sent. */
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

/**
 * A bundle that cannot be read is let through until the definition is established, and where there was one already: what
 * was stored once can be stored again.
 */
export function validateConversionUpdate(
  conversion: CustomResourceConversion | undefined,
  before: CustomResourceConversion | undefined,
  path: string,
  violations: Violations,
): void {
  const bundle = conversion?.webhook?.clientConfig?.caBundle ?? '';
  const known = before?.webhook?.clientConfig?.caBundle ?? '';
  if (conversion?.strategy !== 'Webhook' || bundle === '' || (known !== '' && !isBundle(known))) return;
  if (!isBundle(bundle))
    violations.invalid(
      `${path}.webhookClientConfig.caBundle`,
      bundle,
      'unable to load root certificates: unable to parse bytes as PEM block',
    );
}

function isBundle(base64: string): boolean {
  const blocks = Buffer.from(base64, 'base64')
    .toString()
    .match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  return blocks !== null && blocks.every(isCertificate);
}

function isCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch {
    return false;
  }
}
