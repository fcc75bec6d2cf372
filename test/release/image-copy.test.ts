import { Chart, Duration } from 'cdk8s';
import {
  HostedRegistry,
  ImageCopy,
  type ImageCopyProps,
  ImageName,
  KeelWatchedBuild,
  MakisuBuilder,
  Release,
  SecretSource,
  Tag,
} from 'keelson';
import type { Job } from 'kubernetes-types/batch/v1.js';
import { describe, expect, test } from 'vitest';
import { connections } from '../kubernetes/network-policy.ts';
import { CERTIFICATE } from '../support/certificate.ts';
import { commitOn, filled } from '../support/commits.ts';
import {
  existingPlatform,
  image,
  pipeline,
  pipelineConfiguration,
  registry,
  source,
} from '../support/programs.ts';
import { type Build, problemsOf, type Synthesized, synthesized } from '../support/synthesized.ts';

const account = SecretSource.existing('quay-robot', '.dockerconfigjson');
const quay = HostedRegistry.quay({ pushCredential: account });

const program =
  (props: Partial<ImageCopyProps> = {}, id = 'quay'): Build =>
  (app) => {
    const ci = pipeline(app);
    const built = new MakisuBuilder(ci, 'image', { target: registry().image('team/build') });
    const build = new KeelWatchedBuild(ci, 'build', { image: built, command: ['x'] });
    const release = new Release(ci, 'release', { after: build });
    new ImageCopy(release, id, { to: quay.image('team/app', { tag: Tag.version() }), ...props });
  };

function jobOf(output: Synthesized): Job {
  const [job] = pipelineConfiguration(output).releases[0]?.jobs ?? [];
  return filled(job?.jobTemplate ?? [], commitOn('main'))[0] as object;
}

describe('a copy', () => {
  const output = synthesized(program());
  const pod = jobOf(output).spec?.template.spec;

  test('is of the digest that was tested, from where its builder pushed it', () => {
    expect(pod?.containers[0]?.args).toEqual([
      `docker://registry.container-registry.svc.cluster.local:5000/team/build@${commitOn('main').digest}`,
      'quay.io/team/app:0.1.0',
    ]);
    const options = pod?.containers[0]?.env?.find(({ name }) => name === 'OPTIONS')?.value;
    expect(options).toContain('--preserve-digests');
    expect(options).toContain('--src-tls-verify=false');
  });

  test('is skipped without its account, which lies with the release', () => {
    expect(pod?.volumes?.find(({ name }) => name === 'push-credential')?.secret).toMatchObject({
      secretName: 'quay-robot',
      optional: true,
    });
    expect(pod?.containers[0]?.command?.join(' ')).toContain('exit 66');
    expect(pod?.containers[0]?.env).toContainEqual({ name: 'ACCOUNTS', value: '/keelson/push/config.json' });
    const expected = output.result.secrets.find(({ name }) => name === 'quay-robot');
    expect(expected).toMatchObject({ namespace: 'ci-release', optional: true });
  });

  test('reaches both registries', () => {
    const { allows } = connections(output.objects);
    const from = { namespace: 'ci-release', labels: jobOf(output).spec?.template.metadata?.labels ?? {} };
    const inCluster = { namespace: 'container-registry', labels: { app: 'registry' } };
    expect(allows({ from, to: inCluster, port: 5000 })).toBe(true);
    expect(allows({ from, to: { external: '34.225.41.113' }, port: 443 })).toBe(true);
  });
});

test('registries with private authorities are known by ConfigMaps of the copy', () => {
  const hosted = HostedRegistry.at('registry.example.com', {
    certificateAuthority: CERTIFICATE,
    pushCredential: account,
  });
  const output = synthesized(program({ to: hosted.image('a/b', { tag: Tag.version() }) }));
  expect(output.names('ConfigMap')).toContain('ci-release/quay-registry-ca');
  const volumes = jobOf(output).spec?.template.spec?.volumes;
  expect(volumes?.find(({ name }) => name === 'push-ca')?.configMap?.name).toBe('quay-registry-ca');
});

test('a copy may last as long as its release, in a chart that is no pipeline too', () => {
  const output = synthesized((app) => {
    const chart = new Chart(app, 'own', { namespace: 'ci' });
    const stage = { platform: existingPlatform(), source: source() };
    const build = new KeelWatchedBuild(chart, 'build', { ...stage, image: image(), command: ['x'] });
    const release = new Release(chart, 'release', { ...stage, after: build, timeout: Duration.hours(4) });
    new ImageCopy(release, 'copy', { to: quay.image('team/app', { tag: Tag.version() }) });
  });
  expect(jobOf(output).spec?.activeDeadlineSeconds).toBe(4 * 3600);
});

test('an image that something else pushes is copied from where it is', () => {
  const output = synthesized((app) => {
    const ci = pipeline(app);
    const build = new KeelWatchedBuild(ci, 'build', { image: image(), command: ['x'] });
    const release = new Release(ci, 'release', { after: build });
    new ImageCopy(release, 'copy', { to: quay.image('team/app', { tag: Tag.version() }) });
  });
  expect(jobOf(output).spec?.template.spec?.containers[0]?.args?.[0]).toBe(
    `docker://quay.io/team/build@${commitOn('main').digest}`,
  );
});

describe('what is refused', () => {
  test('a name that is too long for the name of a Job', () => {
    expect(problemsOf(program({}, 'a-name-of-more-than-twenty')).join('\n')).toContain(
      'id: is not a valid name of a part of a release',
    );
  });

  test('a registry that nobody pushes to without an account', () => {
    const to = HostedRegistry.quay({}).image('a/b', { tag: Tag.version() });
    expect(problemsOf(program({ to })).join('\n')).toContain(
      'ci/release/quay: to.registry.pushCredential: is missing: nobody pushes to quay.io without an account',
    );
  });

  test('the image that starts the build', () => {
    const problems = problemsOf((app) => {
      const ci = pipeline(app);
      const build = new KeelWatchedBuild(ci, 'build', {
        image: ImageName.parse('quay.io/team/app:main'),
        command: ['x'],
      });
      new ImageCopy(new Release(ci, 'release', { after: build }), 'copy', {
        to: quay.image('team/app', { tag: Tag.branch() }),
      });
    });
    expect(problems.join('\n')).toContain('ci/release/copy: to: is the image whose build is released');
  });

  test('a copy that is in no release', () => {
    const problems = problemsOf((app) => {
      new ImageCopy(pipeline(app), 'copy', { to: quay.image('a/b', { tag: Tag.version() }) });
    });
    expect(problems.join('\n')).toContain('ci/copy: scope: is no part of a release');
  });
});
