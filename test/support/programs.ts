// The programs that tests start from: the reference pipeline, and small ones.
import { Chart } from 'cdk8s';
import {
  GitSource,
  ImageName,
  Keel,
  type KeelReference,
  type KeelsonApp,
  type KeelsonAppProps,
  KeelWatchedBuild,
  type KeelWatchedBuildProps,
  MakisuBuilder,
  type MakisuBuilderProps,
  MicroK8sRegistry,
  Pipeline,
  type PipelineConfiguration,
  type PipelineProps,
  Platform,
  type PlatformProps,
  type PlatformReference,
  Tag,
} from 'keelson';
import { optionsFromEnvironment, type Variables } from '../../apps/studio-go-runner/options.ts';
import { studioGoRunner } from '../../apps/studio-go-runner/pipeline.ts';
import type { Build, Manifest, Synthesized } from './synthesized.ts';
import { synthesized } from './synthesized.ts';

export const registry = (): ReturnType<typeof MicroK8sRegistry.existing> =>
  MicroK8sRegistry.existing({ nodeAddress: '172.31.39.52' });

export const source = (branch = 'main'): GitSource =>
  GitSource.remote('https://git.example.com/team/project.git', { branch });

/** A Keel that nothing is synthesized for. */
export const existingKeel = (): KeelReference =>
  Keel.existing({ namespace: 'keel', serviceAccountName: 'keel' });

/** A platform that nothing is synthesized for. */
export const existingPlatform = (): PlatformReference =>
  Platform.existing({ name: 'shared', registry: registry(), keel: existingKeel() });

export const platform = (app: KeelsonApp, props: Partial<PlatformProps> = {}): Platform =>
  new Platform(app, 'platform', { registry: registry(), ...props });

/** A pipeline named `ci` on an existing platform. */
export const pipeline = (app: KeelsonApp, props: Partial<PipelineProps> = {}): Pipeline =>
  new Pipeline(app, 'ci', { platform: existingPlatform(), source: source(), ...props });

/** Two builds can't watch one image. */
export const image = (tag = 'main'): ImageName => ImageName.parse(`quay.io/team/build:${tag}`);

/** A pipeline with one watched build named `build`. */
export const build = (app: KeelsonApp, props: Partial<KeelWatchedBuildProps> = {}): KeelWatchedBuild =>
  new KeelWatchedBuild(pipeline(app), 'build', { image: image(), command: ['./build.sh'], ...props });

/** A pipeline with one image build named `image`. */
export const imageBuild = (app: KeelsonApp, props: Partial<MakisuBuilderProps> = {}): MakisuBuilder =>
  new MakisuBuilder(pipeline(app), 'image', {
    target: registry().image('team/build', { tag: Tag.branch() }),
    ...props,
  });

/** A chart that is none of ours. */
export const foreignChart = (app: KeelsonApp, namespace?: string): Chart =>
  new Chart(app, 'foreign', namespace === undefined ? {} : { namespace });

/** The reference pipeline with the given variables set and no others. */
export function referenceProgram(variables: Variables = {}): Build {
  return (app) => studioGoRunner(app, optionsFromEnvironment(variables));
}

/** The reference pipeline, synthesized. */
export function reference(variables: Variables = {}, props: KeelsonAppProps = {}): Synthesized {
  return synthesized(referenceProgram(variables), props);
}

/** What the controller is told of the only pipeline among the objects. */
export function pipelineConfiguration({ find }: Pick<Synthesized, 'find'>): PipelineConfiguration {
  const { data } = find<Manifest & { data: Record<string, string> }>('ConfigMap', 'keelson-pipeline');
  return JSON.parse(data['pipeline.json'] ?? '');
}
