/**
 * A GitRepository of Flux, as far as it is made here.
 *
 * @see https://fluxcd.io/flux/components/source/gitrepositories/
 */
export interface FluxGitRepositoryObject {
  readonly apiVersion: 'source.toolkit.fluxcd.io/v1';
  readonly kind: 'GitRepository';
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly url: string;
    readonly ref: { readonly branch: string } | { readonly tag: string } | { readonly commit: string };
    readonly interval: string;
    readonly secretRef?: { readonly name: string };
  };
}

/**
 * A Kustomization of Flux, as far as it is made here.
 *
 * @see https://fluxcd.io/flux/components/kustomize/kustomizations/
 */
export interface FluxKustomizationObject {
  readonly apiVersion: 'kustomize.toolkit.fluxcd.io/v1';
  readonly kind: 'Kustomization';
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly sourceRef: { readonly kind: string; readonly name: string; readonly namespace?: string };
    readonly path: string;
    readonly interval: string;
    readonly retryInterval: string;
    readonly timeout: string;
    readonly prune: boolean;
    readonly deletionPolicy: 'Delete' | 'Orphan';
    readonly force: boolean;
    readonly wait: boolean;
    readonly serviceAccountName?: string;
    readonly dependsOn?: readonly { readonly name: string; readonly namespace?: string }[];
  };
}
