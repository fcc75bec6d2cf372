/**
 * An Application of Argo CD, as far as it is made here.
 *
 * @see https://argo-cd.readthedocs.io/en/stable/user-guide/application-specification/
 */
export interface ArgoApplicationObject {
  readonly apiVersion: 'argoproj.io/v1alpha1';
  readonly kind: 'Application';
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly annotations: Readonly<Record<string, string>>;
    readonly finalizers?: string[];
  };
  readonly spec: {
    readonly project: string;
    readonly source: { readonly repoURL: string; readonly path: string; readonly targetRevision: string };
    readonly destination: { readonly server: string } | { readonly name: string };
    readonly syncPolicy: {
      readonly automated?: {
        readonly prune: boolean;
        readonly selfHeal: boolean;
        readonly allowEmpty: boolean;
      };
      readonly syncOptions: readonly string[];
      readonly retry: {
        readonly limit: number;
        readonly backoff: {
          readonly duration: string;
          readonly factor: number;
          readonly maxDuration: string;
        };
      };
    };
  };
}
