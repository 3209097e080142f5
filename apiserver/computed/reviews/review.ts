/**
 * Reviews: kinds that are questions. POST is answered at once, and nothing is stored; to a client they look like the
 * creation of an object whose status came with it.
 *
 * A new one is a definition with the verb `create` alone, a function that writes the status, and a line in `registry.ts`.
 */
import type { Violations } from '../../../api/field-path.js';
import { Violations as ViolationCollector } from '../../../api/field-path.js';
import type { KubernetesObject } from '../../../api/objects.js';
import { invalid } from '../../../api/status-error.js';
import type { TokenAuthenticator, UserInfo } from '../../filters/authentication.js';
import type { Authorizer } from '../../filters/authorization.js';
import type { Handler } from '../../handlers/context.js';
import { checkScope } from '../../handlers/create.js';
import { readResourceObject } from '../../handlers/read-object.js';
import { respondObject } from '../../handlers/represent.js';
import { readDryRun } from '../../handlers/request-options.js';
import { subjectOf } from '../../storage/error-subject.js';

export interface ReviewContext {
  /** Who asks. */
  readonly user: UserInfo;
  readonly authorizer: Authorizer;
  readonly tokens: TokenAuthenticator;
}

export interface Review<T extends KubernetesObject> {
  /** What is wrong with the question. */
  validate?(review: T, violations: Violations): void;
  /** Writes the answer into the review's status. */
  answer(review: T, context: ReviewContext): Promise<void> | void;
}

/** The handlers of a review that is loaded when somebody asks for the first time. */
export function reviewHandlers<T extends KubernetesObject>(
  load: () => Promise<Review<T>>,
): Readonly<Record<string, Handler>> {
  return {
    create: async (request) => {
      const object = (await readResourceObject(request)) as T;
      checkScope(request, object);
      // Asking changes nothing, so a dry run is the same; but a word that is none is refused.
      readDryRun(request.exchange);
      const review = await load();
      const violations = new ViolationCollector();
      review.validate?.(object, violations);
      const { definition } = request.served;
      if (violations.any) throw invalid(subjectOf(definition), object.metadata.name, violations.causes);
      const { authorizer, tokens } = request.parts;
      await review.answer(object, { user: request.user, authorizer, tokens: tokens.verifier });
      // Reviews have no names, and what is empty is left out.
      if (object.metadata.name === '') Reflect.deleteProperty(object.metadata, 'name');
      await respondObject(request, 201, object);
    },
  };
}
