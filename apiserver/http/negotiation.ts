/** What form an answer takes: JSON, YAML or protobuf, a Table, or metadata alone, by the Accept header. */
import { protobufType } from '../../api/protobuf/envelope.js';
import { StatusError } from '../../api/status-error.js';

/** Versions of meta.k8s.io in which Tables and metadata are served. */
export type MetaVersion = 'v1' | 'v1beta1';

export type Representation =
  | { readonly as: 'object'; readonly format: 'json' | 'yaml' | 'protobuf' }
  | { readonly as: 'table'; readonly version: MetaVersion }
  | {
      readonly as: 'metadata';
      readonly format: 'json' | 'protobuf';
      readonly version: MetaVersion;
      readonly list: boolean;
    };

interface MediaRange {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

const plain: Representation = { as: 'object', format: 'json' };
const protobuf: Representation = { as: 'object', format: 'protobuf' };
/** What Go clients send with every request. */
const usualProtobuf = `${protobufType},application/json`;

/**
 * The first representation in the client's order that this server has. Throws NotAcceptable when nothing of the header
 * fits.
 */
export function negotiate(
  accept: string | undefined,
  { objectsAsProtobuf = true }: { readonly objectsAsProtobuf?: boolean } = {},
): Representation {
  if (accept === undefined || accept === '' || accept === '*/*' || accept === 'application/json')
    return plain;
  if (objectsAsProtobuf && (accept === usualProtobuf || accept === protobufType)) return protobuf;
  const ranges = parseAccept(accept);
  for (const range of ranges) {
    const found = representationOf(range);
    if (found === undefined) continue;
    if (objectsAsProtobuf || found.as !== 'object' || found.format !== 'protobuf') return found;
  }
  const types = ['application/json', 'application/yaml', ...(objectsAsProtobuf ? [protobufType] : [])];
  throw new StatusError('NotAcceptable', `only the following media types are accepted: ${types.join(', ')}`);
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
        : range.type === protobufType
          ? 'protobuf'
          : undefined;
  if (format === undefined) return undefined;
  const as = range.parameters.get('as');
  if (as === undefined) return { as: 'object', format };
  if (format === 'yaml' || range.parameters.get('g') !== 'meta.k8s.io') return undefined;
  const version = range.parameters.get('v');
  if (version !== 'v1' && version !== 'v1beta1') return undefined;
  switch (as) {
    case 'Table':
      // Tables have no protobuf form.
      return format === 'json' ? { as: 'table', version } : undefined;
    case 'PartialObjectMetadata':
      return { as: 'metadata', format, version, list: false };
    case 'PartialObjectMetadataList':
      return { as: 'metadata', format, version, list: true };
    default:
      return undefined;
  }
}
