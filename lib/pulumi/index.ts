/**
 * Pipelines as Pulumi resources.
 *
 * @module
 */
export { asString } from './as-string.ts';
export { KeelsonComponent, type KeelsonComponentArgs, type ResourceClass } from './keelson-component.ts';
export { kubernetesProvider } from './provider.ts';
export { secretOutput } from './secret-output.ts';
