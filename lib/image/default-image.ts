import type { IConstruct } from 'constructs';
import { whenKnown } from '../kubernetes/deferred.ts';
import { Notes } from '../kubernetes/notes.ts';
import { isWrong, type Problem, problemsWhenKnown, reportProblems } from '../kubernetes/problem.ts';
import { ImageName } from './image-name.ts';

/**
 * The context key of the registry that the library's own images are pulled from: a host with an optional
 * port and path, such as `registry.example.com:5000/mirror`. {@link KeelsonApp} sets it from its prop
 * `imageRegistry`; in a plain `cdk8s.App`, set it before anything is made:
 *
 * @example
 * app.node.setContext(IMAGE_REGISTRY_CONTEXT, 'registry.example.com:5000/mirror');
 */
export const IMAGE_REGISTRY_CONTEXT = 'keelson.dev/image-registry';

/** The trees whose context has been found wrong: one report is enough. */
const REPORTED = new Notes<true>();

/**
 * One of the library's own images: the one named, or the same repository, tag and digest below the registry
 * that the context names. Docker Hub's `library/` is kept, as mirrors do that copy every name as it is.
 *
 * A context that is no registry is reported once, on the root of the tree.
 *
 * @param scope the construct that uses the image
 * @param name its full name, with registry and tag
 */
export function defaultImage(scope: IConstruct, name: string): ImageName {
  const image = ImageName.parse(name);
  const given: unknown = scope.node.tryGetContext(IMAGE_REGISTRY_CONTEXT);
  if (given === undefined) return image;
  const problems = imageRegistryProblems(`context ${IMAGE_REGISTRY_CONTEXT}`, given);
  if (problems.length > 0) reportOnce(scope.node.root, problems);
  if (isWrong(problems)) return image;
  return ImageName.parse(whenKnown([String(given), name] as const, below));
}

/** What is wrong with a registry for the library's own images. */
export function imageRegistryProblems(property: string, given: unknown): Problem[] {
  return problemsWhenKnown(property, given, (known) => registryProblems(property, known));
}

function registryProblems(property: string, given: unknown): Problem[] {
  // A first part that can't be told from a repository's would be looked for on Docker Hub.
  const valid =
    typeof given === 'string' &&
    /^([^/]*[.:][^/]*|localhost)(\/|$)/.test(given) &&
    ImageName.parse(below([given, 'docker.io/library/a:1'])).problems('').length === 0;
  if (valid) return [];
  return [
    {
      property,
      value: given,
      message: 'is not a registry',
      remedy: 'give a host with an optional port and path, such as registry.example.com:5000/mirror',
    },
  ];
}

/** The full name of an image of another registry, or of a path there. */
function below([registry, name]: readonly [registry: string, name: string]): string {
  const image = ImageName.parse(name);
  return `${registry}${image.toString().slice(image.registry.length)}`;
}

function reportOnce(root: IConstruct, problems: readonly Problem[]): void {
  if (REPORTED.of(root).length > 0) return;
  REPORTED.add(root, true);
  reportProblems(root, problems);
}
