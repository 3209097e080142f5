import type { CustomResourceDefinition } from '../generated/apiextensions-v1.js';
import { define } from './define.js';

export const customResourceDefinitions = define<CustomResourceDefinition>(
  'apiextensions/v1',
  'cluster',
  'CustomResourceDefinition',
  {
    plural: 'customresourcedefinitions',
    shortNames: ['crd', 'crds'],
    categories: ['api-extensions'],
    subresources: ['status'],
  },
);
