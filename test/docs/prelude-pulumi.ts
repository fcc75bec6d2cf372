// The same for programs with Pulumi. Nothing is registered: there is no engine.
import type * as pulumi from '@pulumi/pulumi';
import type { KeelsonApp, KeelWatchedBuild, Pipeline } from 'keelson';
import type { KeelsonComponent } from 'keelson/pulumi';

export * as kubernetes from '@pulumi/kubernetes';
export * as pulumi from '@pulumi/pulumi';
export * from 'keelson/pulumi';

function later<T>(): T {
  return undefined as T;
}

export const program: (app: KeelsonApp) => void = () => undefined;
export const ci: KeelsonComponent<{ readonly pipeline: Pipeline; readonly build: KeelWatchedBuild }> =
  later();
export const cluster: { readonly nodeAddress: pulumi.Output<string> } = later();
export const git: { readonly host: pulumi.Output<string> } = later();
