// Kinds of other programs that Keelson makes objects of. Their schemas are their makers' and are not kept here: the
// cluster tests install them in a real API server, and apply every such object strictly.

/** Each as `apiVersion kind`. */
export const customKinds: ReadonlySet<string> = new Set([
  'argoproj.io/v1alpha1 Application',
  'bitnami.com/v1alpha1 SealedSecret',
  'external-secrets.io/v1 ExternalSecret',
  'kustomize.toolkit.fluxcd.io/v1 Kustomization',
  'source.toolkit.fluxcd.io/v1 GitRepository',
]);

/** What can be said without a schema: nothing is null, there is no status, and there is a name. */
export function customObjectProblems(object: Readonly<Record<string, unknown>>): string[] {
  const { metadata, spec } = object as { metadata?: { name?: unknown }; spec?: unknown };
  return [
    ...('status' in object ? ['status: is not for a manifest'] : []),
    ...(typeof metadata?.name === 'string' ? [] : ['metadata.name: required']),
    ...(typeof spec === 'object' && spec !== null ? [] : ['spec: required']),
    ...nulls(object, ''),
  ];
}

function nulls(value: unknown, path: string): string[] {
  if (value === null) return [`${path}: must not be null`];
  if (typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, below]) => nulls(below, path === '' ? key : `${path}.${key}`));
}
