import { Output } from '@pulumi/pulumi';
import type { IResolver, ResolutionContext } from 'cdk8s';
import { standIn } from '../kubernetes/deferred.ts';

const TEXTS = new WeakMap<object, string>();

/**
 * A text that stands for an Output wherever the library takes a text, also within a longer one. It has to stay whole:
 * what changes, compares or cuts texts belongs into `apply` of the Output. The
 * {@link KeelsonComponent} puts the Output's value in its place: what is unknown in a preview stays unknown, and what is
 * secret stays secret. A secret goes into a {@link secretOutput} instead, so that it also stays one in the cluster.
 *
 * A program with such a text in it can't be synthesized to manifests.
 *
 * @param output the Output of a text, number or flag
 * @throws TypeError where it is no Output
 * @example
 * const host = asString(cluster.nodeAddress);
 * MicroK8sRegistry.existing({ nodeAddress: host });
 * GitSource.remote(`https://${asString(git.host)}/team/project.git`, { branch: 'main' });
 */
export function asString(output: Output<string> | Output<number> | Output<boolean>): string {
  const given: unknown = output;
  if (!Output.isInstance(given)) {
    throw new TypeError(
      `asString: is no Output (got ${typeof given}); give a Pulumi Output, or the text itself`,
    );
  }
  const known = TEXTS.get(output);
  if (known !== undefined) return known;
  const text = standIn({ source: (output as Output<unknown>).apply(String) });
  TEXTS.set(output, text);
  return text;
}

/** Lets an Output, of whatever type, stand as it is in an ApiObject of a program's own. */
export const OUTPUTS: IResolver = {
  resolve: (context: ResolutionContext) => {
    if (Output.isInstance(context.value)) context.replaceValue(standIn({ source: context.value }));
  },
};
