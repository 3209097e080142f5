import type { FlowSchema } from '../../../api/generated/flowcontrol-v1.js';
import { flowSchemas } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validateFlowSchema } from './validation.js';

const defaultPrecedence = 1000;

export const flowSchemaStrategy: Strategy<FlowSchema> = {
  definition: flowSchemas,
  tracksGeneration: true,
  setDefaults({ spec }) {
    if ((spec.matchingPrecedence ?? 0) === 0) spec.matchingPrecedence = defaultPrecedence;
  },
  prepareForCreate(schema) {
    schema.status = {};
  },
  validate: validateFlowSchema,
};
