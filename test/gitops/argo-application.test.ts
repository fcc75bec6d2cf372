import { Chart } from 'cdk8s';
import { ArgoApplication, type ArgoApplicationProps, GitRevision } from 'keelson';
import { describe, expect, test } from 'vitest';
import { synthesized } from '../support/synthesized.ts';

const REPOSITORY = 'https://git.example.com/team/ci-manifests.git';

function application(props: Partial<ArgoApplicationProps> = {}): Record<string, unknown> {
  const { find } = synthesized((app) => {
    new ArgoApplication(new Chart(app, 'argo-cd', { namespace: 'elsewhere' }), 'ci', {
      repository: REPOSITORY,
      ...props,
    });
  });
  return find<Record<string, unknown>>('Application', 'ci', props.namespace ?? 'argocd');
}

describe('an Application', () => {
  test('is, by default, pruned, healed, applied server-side, and never deletes everything', () => {
    expect(application()).toEqual({
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'Application',
      metadata: {
        name: 'ci',
        namespace: 'argocd',
        annotations: { 'argocd.argoproj.io/compare-options': 'ServerSideDiff=true' },
      },
      spec: {
        project: 'default',
        source: { repoURL: REPOSITORY, path: 'manifests', targetRevision: 'main' },
        destination: { server: 'https://kubernetes.default.svc' },
        syncPolicy: {
          automated: { prune: true, selfHeal: true, allowEmpty: false },
          syncOptions: ['ServerSideApply=true', 'FailOnSharedResource=true', 'PruneLast=true'],
          retry: { limit: 5, backoff: { duration: '5s', factor: 2, maxDuration: '3m' } },
        },
      },
    });
  });

  test('says what it is told', () => {
    expect(
      application({
        repository: 'git@git.example.com:team/ci.git',
        revision: GitRevision.tag('v1.2.0'),
        path: './clusters/one/',
        namespace: 'gitops',
        project: 'ci',
        cluster: 'one',
        prune: false,
        selfHeal: false,
        deleteObjects: true,
      }),
    ).toMatchObject({
      metadata: { namespace: 'gitops', finalizers: ['resources-finalizer.argocd.argoproj.io/foreground'] },
      spec: {
        project: 'ci',
        source: {
          repoURL: 'ssh://git@git.example.com/team/ci.git',
          path: 'clusters/one',
          targetRevision: 'v1.2.0',
        },
        destination: { name: 'one' },
        syncPolicy: { automated: { prune: false, selfHeal: false } },
      },
    });
  });

  test('waits for somebody where it is not automated', () => {
    expect(application({ automated: false })['spec']).not.toHaveProperty('syncPolicy.automated');
  });

  test('takes the whole repository, and a commit', () => {
    const commit = '6d21f2ced8ee6d21f2ced8ee6d21f2ced8ee6d21';
    expect(application({ path: '.', revision: GitRevision.commit(commit) })).toHaveProperty('spec.source', {
      repoURL: REPOSITORY,
      path: '.',
      targetRevision: commit,
    });
  });

  test('ignores no difference: what the agent decides is not in the manifests', () => {
    const text = JSON.stringify(application());
    expect(text).not.toMatch(/ignoreDifferences|RespectIgnoreDifferences|Replace|Force/);
  });
});
