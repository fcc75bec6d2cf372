import type { Provider, ProviderArgs } from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { kubernetes } from './kubernetes.ts';

/**
 * A provider for the objects of a {@link KeelsonComponent} with the settings that they take: ConfigMaps and Secrets are
 * changed where they are, not deleted and made again, and a field that a program gives is the program's, also where
 * somebody else has written to it. What gate, controller and Keel write is in no program, and stays.
 *
 * What `args` leave out comes from the stack's configuration of `kubernetes`: `kubeconfig`, `context`, `cluster` and
 * `upsertExistingObjects`.
 *
 * @param name the provider's name
 * @param args where the cluster is, and whatever else Pulumi's provider takes
 * @param opts options of the resource
 * @see https://www.pulumi.com/registry/packages/kubernetes/api-docs/provider/
 * @example
 * const production = kubernetesProvider('production', { context: 'production' });
 * new KeelsonComponent('ci', { program }, { provider: production });
 */
export function kubernetesProvider(
  name: string,
  args: ProviderArgs = {},
  opts: pulumi.ResourceOptions = {},
): Provider {
  const config = new pulumi.Config('kubernetes');
  const configured: Record<string, pulumi.Input<string | boolean> | undefined> = {
    kubeconfig: config.getSecret('kubeconfig'),
    context: config.get('context'),
    cluster: config.get('cluster'),
    upsertExistingObjects: config.getBoolean('upsertExistingObjects'),
  };
  const given = Object.entries(configured).filter(([, value]) => value !== undefined);
  const settings: ProviderArgs = {
    enableConfigMapMutable: true,
    enableSecretMutable: true,
    enablePatchForce: true,
    ...Object.fromEntries(given),
    ...args,
  };
  return new (kubernetes().Provider)(name, settings, opts);
}
