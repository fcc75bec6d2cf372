import {
  BuildJob,
  type BuildJobProps,
  GitSource,
  GpuBuildNode,
  type GpuBuildNodeProps,
  Gpus,
  KeelWatchedBuild,
  type KeelWatchedBuildProps,
  MakisuBuilder,
  type MakisuBuilderProps,
  MinioService,
  type MinioServiceProps,
  NvidiaDevicePlugin,
  type NvidiaDevicePluginProps,
  type RemoteGitOptions,
  Tag,
} from 'keelson';
import { build, foreignChart, image, imageBuild, pipeline, registry } from '../support/programs.ts';
import type { Build } from '../support/synthesized.ts';

/** What is given, and what has to be said of it: all of a problem, or its beginning and end around an ellipsis. */
export type Row = readonly [given: string, build: Build, problem: string];

type Loose<T> = { readonly [key in keyof T]?: unknown };

/** A watched build with props that the compiler might refuse: what a JavaScript program can give. */
export const aBuild =
  (props: Loose<KeelWatchedBuildProps>): Build =>
  (app) =>
    build(app, props as Partial<KeelWatchedBuildProps>);

/** A build that runs once. */
export const aJob =
  (props: Loose<BuildJobProps>): Build =>
  (app) =>
    new BuildJob(pipeline(app), 'build', { image: image(), command: ['x'], ...props } as BuildJobProps);

/** A watched build with a construct id of its own. */
export const aBuildNamed =
  (id: string): Build =>
  (app) =>
    new KeelWatchedBuild(pipeline(app), id, { image: image(), command: ['x'] });

export const anImageBuild =
  (props: Loose<MakisuBuilderProps>): Build =>
  (app) =>
    imageBuild(app, props as Partial<MakisuBuilderProps>);

export const minio =
  (props: Loose<MinioServiceProps>): Build =>
  (app) =>
    new MinioService(pipeline(app), 'minio', props as MinioServiceProps);

export const devicePlugin =
  (props: Loose<NvidiaDevicePluginProps>): Build =>
  (app) =>
    new NvidiaDevicePlugin(foreignChart(app), 'plugin', props as NvidiaDevicePluginProps);

/** A node for builds, in a pipeline. */
export const gpuNode =
  (props: Loose<GpuBuildNodeProps>): Build =>
  (app) =>
    new GpuBuildNode(pipeline(app), 'gpu', { gpus: Gpus.whole(1), ...props } as GpuBuildNodeProps);

/** A pipeline that watches a repository. */
export const repository =
  (url: string, options: Loose<RemoteGitOptions> = { branch: 'main' }): Build =>
  (app) =>
    pipeline(app, { source: GitSource.remote(url, options as RemoteGitOptions) });

export const branch = (name: string): Build =>
  repository('https://git.example.com/a/b.git', { branch: name });

/** An image build for a repository name. */
export const target =
  (name: string): Build =>
  (app) =>
    new MakisuBuilder(pipeline(app), 'image', { target: registry().image(name, { tag: Tag.branch() }) });
