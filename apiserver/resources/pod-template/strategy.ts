/** PodTemplates: a template kept on its own, for whoever wants to make pods of it. */
import type { PodTemplate } from '../../../api/generated/core-v1.js';
import { podTemplates } from '../../../api/resources.js';
import { setPodSpecDefaults } from '../pod/defaults.js';
import { validatePodTemplate } from '../pod/validation.js';
import type { Strategy } from '../strategy.js';
import { templateWarnings } from '../pod/template-warnings.js';

export const podTemplateStrategy: Strategy<PodTemplate> = {
  definition: podTemplates,
  warnings: templateWarnings(({ template }) => template, 'template'),
  tracksGeneration: true,
  setDefaults({ template }) {
    if (template !== undefined) setPodSpecDefaults(template.spec);
  },
  validate({ template }, violations) {
    if (template === undefined) violations.required('template');
    else validatePodTemplate(template, 'template', violations);
  },
};
