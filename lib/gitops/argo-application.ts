import type { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import { whenKnown } from '../kubernetes/deferred.ts';
import { kubeObject } from '../kubernetes/object.ts';
import { type Problem, reportProblems } from '../kubernetes/problem.ts';
import { sound } from '../props/sound.ts';
import { applyAgain } from './applied-again.ts';
import type { ArgoApplicationObject } from './argo-types.ts';
import {
  folder,
  folderProblems,
  type GitOpsRepositoryProps,
  labelProblems,
  nameProblems,
  repositoryOf,
  repositoryProblems,
} from './repository.ts';

/** Props of {@link ArgoApplication}. */
export interface ArgoApplicationProps extends GitOpsRepositoryProps {
  /**
   * The folder in the repository that holds the synthesized `kustomization.yaml`: the whole output, or one
   * chart's folder in it.
   * @default 'manifests'
   */
  readonly path?: string;
  /**
   * The namespace of Argo CD.
   * @default 'argocd'
   */
  readonly namespace?: string;
  /**
   * The AppProject that says what the Application may do. The project `default` allows everything.
   * @default 'default'
   */
  readonly project?: string;
  /**
   * The name under which Argo CD knows the cluster to apply to.
   * @default - the cluster that Argo CD runs in
   */
  readonly cluster?: string;
  /**
   * Whether commits are applied by themselves. Without it somebody has to press the button, and `prune` and
   * `selfHeal` say nothing.
   * @default true
   */
  readonly automated?: boolean;
  /**
   * Whether objects that are no longer in the folder are deleted. A folder that has become empty deletes nothing.
   * @default true
   */
  readonly prune?: boolean;
  /**
   * Whether changes that somebody makes in the cluster, to fields that the manifests have, are undone.
   * @default true
   */
  readonly selfHeal?: boolean;
  /**
   * Whether deleting the Application deletes its objects, with namespaces and volumes.
   * @default false
   */
  readonly deleteObjects?: boolean;
}

const IN_CLUSTER = 'https://kubernetes.default.svc';

/** https://argo-cd.readthedocs.io/en/stable/user-guide/app_deletion/#about-the-deletion-finalizer */
const DELETE_OBJECTS = 'resources-finalizer.argocd.argoproj.io/foreground';

/**
 * An Application of Argo CD that brings a folder of manifests to the cluster and keeps it so. It is named
 * after its id.
 *
 * It leaves alone what the agent and Keel decide at run time: objects are applied server-side, so that Argo CD
 * owns no field that the manifests don't have, and compared by a server-side dry run. `ignoreDifferences` are
 * not needed; with `RespectIgnoreDifferences`, Argo CD would write the values that it had read a moment before.
 *
 * A private repository's credential is a Secret in Argo CD's namespace that Argo CD finds by the URL. Argo CD
 * itself has to be 2.10 or later, and never applies Leases: the agent makes those.
 *
 * @see https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/#server-side-apply
 * @see https://argo-cd.readthedocs.io/en/stable/user-guide/diff-strategies/#server-side-diff
 * @example
 * new ArgoApplication(new Chart(app, 'argo-cd'), 'ci', {
 *   repository: 'https://github.com/example/ci-manifests.git',
 *   path: 'manifests',
 * });
 */
export class ArgoApplication extends Construct {
  /** The Application. */
  readonly application: ApiObject;

  constructor(scope: Construct, id: string, given: ArgoApplicationProps) {
    super(scope, id);
    const props = sound(this, 'ArgoApplicationProps', given, {}, [
      'repository',
      'revision',
      'path',
      'namespace',
      'project',
      'cluster',
    ]);
    const { path = 'manifests', namespace = 'argocd', project = 'default', cluster } = props;
    const { automated = true, prune = true, selfHeal = true, deleteObjects = false } = props;
    const { url, revision } = repositoryOf(props);
    applyAgain(this);
    reportProblems(this, [
      ...labelProblems('id', id),
      ...repositoryProblems(props),
      ...folderProblems('path', path),
      ...labelProblems('namespace', namespace),
      ...nameProblems('project', project),
      ...clusterProblems(cluster),
    ]);
    this.application = kubeObject<ArgoApplicationObject>(this, 'Resource', {
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'Application',
      metadata: {
        name: id,
        namespace,
        annotations: { 'argocd.argoproj.io/compare-options': 'ServerSideDiff=true' },
        ...(deleteObjects && { finalizers: [DELETE_OBJECTS] }),
      },
      spec: {
        project,
        source: { repoURL: url, path: whenKnown(path, folder), targetRevision: revision.name },
        destination: cluster === undefined ? { server: IN_CLUSTER } : { name: cluster },
        syncPolicy: {
          ...(automated && { automated: { prune, selfHeal, allowEmpty: false } }),
          // Two Applications that apply one object would take it from each other for ever.
          syncOptions: ['ServerSideApply=true', 'FailOnSharedResource=true', 'PruneLast=true'],
          retry: { limit: 5, backoff: { duration: '5s', factor: 2, maxDuration: '3m' } },
        },
      },
    });
  }
}

function clusterProblems(cluster: string | undefined): Problem[] {
  const valid = typeof cluster === 'string' && cluster !== '' && !/[\s\u0000-\u001f\u007f/]/.test(cluster);
  if (cluster === undefined || valid) return [];
  const message = "is not the name of one of Argo CD's clusters";
  const remedy = 'give a name that `argocd cluster list` prints, or leave it out for the cluster of Argo CD';
  return [{ property: 'cluster', value: cluster, message, remedy }];
}
