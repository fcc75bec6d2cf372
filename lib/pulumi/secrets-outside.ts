import { isSecret, log, Output, type Resource } from '@pulumi/pulumi';
import type { KubernetesObject } from '../app/render.ts';

/**
 * Warns of secrets that are encrypted in Pulumi's state and stand in plain text in the cluster, in an object that is no
 * Secret.
 *
 * @param path the object's construct
 */
export async function warnOfSecretsOutside(
  path: string,
  inputs: KubernetesObject,
  resource: Resource,
): Promise<void> {
  if (inputs.apiVersion === 'v1' && inputs.kind === 'Secret') return;
  for (const [field, output] of outputsIn(inputs, [])) {
    if (!(await isSecret(output))) continue;
    await log.warn(
      `${path}: ${field.join('.')}: is a secret to Pulumi, and readable in a ${inputs.kind} of the cluster; ` +
        'give it as secretOutput(…) where a SecretSource goes, or pulumi.unsecret(…) where it is none',
      resource,
    );
  }
}

function outputsIn(
  value: unknown,
  path: readonly string[],
): [path: readonly string[], output: Output<unknown>][] {
  if (Output.isInstance(value)) return [[path, value]];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => outputsIn(inner, [...path, key]));
}
