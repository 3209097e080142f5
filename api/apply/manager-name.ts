/** The names under which changes are recorded. */
import { Violations } from '../field-path.js';
import { StatusError } from '../status-error.js';

const maxNameBytes = 128;

/** Everything but control characters, surrogates and unassigned code points; blanks other than U+0020 do not show. */
const printable = /^(?:[\p{L}\p{M}\p{N}\p{P}\p{S}]| )$/u;

const plainAscii = /^[ -~]*$/;

/** The manager of a request that names none: the first word of its User-Agent, as Kubernetes cuts it. */
export function managerFromUserAgent(userAgent: string | undefined): string {
  const program = (userAgent ?? '').split('/', 1)[0] ?? '';
  if (plainAscii.test(program)) return program.slice(0, maxNameBytes);
  let name = '';
  let bytes = 0;
  for (const character of program) {
    if (!printable.test(character)) continue;
    bytes += Buffer.byteLength(character);
    if (bytes > maxNameBytes) break;
    name += character;
  }
  return name;
}

/**
 * Checks the parameters of a write. `options` is the kind of the options that the verb takes, `PatchOptions`. Throws
 * Invalid.
 */
export function checkManagerOptions(
  options: 'CreateOptions' | 'UpdateOptions' | 'PatchOptions',
  parameters: {
    readonly fieldManager: string;
    readonly force: boolean | undefined;
    readonly isApply: boolean;
  },
): void {
  const { fieldManager, force, isApply } = parameters;
  const violations = new Violations();
  if (isApply && fieldManager === '') violations.required('fieldManager', 'is required for apply patch');
  if (!isApply && force !== undefined)
    violations.forbidden('force', 'may not be specified for non-apply patch');
  if (Buffer.byteLength(fieldManager) > maxNameBytes) violations.tooLong('fieldManager', maxNameBytes);
  const odd = Array.from(fieldManager).find((character) => !printable.test(character));
  if (odd !== undefined)
    violations.invalid('fieldManager', fieldManager, 'should only contain printable characters');
  if (!violations.any) return;
  const texts = violations.causes.map(({ field, message }) => `${field ?? ''}: ${message ?? ''}`);
  const list = texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
  throw new StatusError('Invalid', `${options}.meta.k8s.io "" is invalid: ${list}`, {
    details: { group: 'meta.k8s.io', kind: options, causes: [...violations.causes] },
  });
}
