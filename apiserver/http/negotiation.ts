/** What form an answer takes: plain JSON, YAML, a Table, or metadata alone, by the Accept header. */
import { StatusError } from '../../api/status-error.js';

export type Representation =
  | { readonly as: 'object'; readonly format: 'json' | 'yaml' }
  | { readonly as: 'table'; readonly version: 'v1' | 'v1beta1' }
  | { readonly as: 'metadata'; readonly list: boolean };

interface MediaRange {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

const plain: Representation = { as: 'object', format: 'json' };

/**
 * The first representation in the client's order that this server has; protobuf is passed over. Throws
 * NotAcceptable when nothing of the header fits.
 */
export function negotiate(accept: string | undefined): Representation {
  if (accept === undefined || accept === '' || accept === '*/*' || accept === 'application/json')
    return plain;
  const ranges = parseAccept(accept);
  for (const range of ranges) {
    const found = representationOf(range);
    if (found !== undefined) return found;
  }
  throw new StatusError(
    'NotAcceptable',
    'only the following media types are accepted: application/json, application/yaml',
  );
}

/** The media ranges of an Accept header, the most wanted first; ties keep their order. */
export function parseAccept(accept: string): readonly MediaRange[] {
  const ranges = accept.split(',').map((one): MediaRange => {
    const [type = '', ...rest] = one.split(';').map((part) => part.trim());
    const parameters = new Map<string, string>();
    for (const parameter of rest) {
      const equals = parameter.indexOf('=');
      if (equals > 0) parameters.set(parameter.slice(0, equals).toLowerCase(), parameter.slice(equals + 1));
    }
    const quality = Number(parameters.get('q') ?? '1');
    return { type: type.toLowerCase(), parameters, quality: Number.isNaN(quality) ? 1 : quality };
  });
  return ranges.filter((range) => range.quality > 0).sort((a, b) => b.quality - a.quality);
}

function representationOf(range: MediaRange): Representation | undefined {
  const format =
    range.type === 'application/json' || range.type === 'application/*' || range.type === '*/*'
      ? 'json'
      : range.type === 'application/yaml'
        ? 'yaml'
        : undefined;
  if (format === undefined) return undefined;
  const as = range.parameters.get('as');
  if (as === undefined) return { as: 'object', format };
  if (format !== 'json' || range.parameters.get('g') !== 'meta.k8s.io') return undefined;
  const version = range.parameters.get('v');
  if (version !== 'v1' && version !== 'v1beta1') return undefined;
  switch (as) {
    case 'Table':
      return { as: 'table', version };
    case 'PartialObjectMetadata':
      return { as: 'metadata', list: false };
    case 'PartialObjectMetadataList':
      return { as: 'metadata', list: true };
    default:
      return undefined;
  }
}
