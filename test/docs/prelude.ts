// What a fragment of a program may use without saying where it comes from: the library, and the constructs that a
// program has by then. The names are those of the documents.
import { App, Chart } from 'cdk8s';
import {
  GitSource,
  KeelsonApp,
  KeelWatchedBuild,
  MakisuBuilder,
  MicroK8sRegistry,
  Pipeline,
  Platform,
  Release,
  SecretSource,
  Tag,
} from 'keelson';

export { ApiObject, Chart, Duration, JsonPatch, Size } from 'cdk8s';
export { Cpu } from 'cdk8s-plus-27';
export * from 'keelson';
export * from './prelude-pulumi.ts';

export const app: KeelsonApp = new KeelsonApp();
export const chart: Chart = new Chart(new App(), 'chart', { namespace: 'project' });
export const registry: ReturnType<typeof MicroK8sRegistry.existing> = MicroK8sRegistry.existing({
  nodeAddress: '192.168.1.10',
});
export const platform: Platform = new Platform(app, 'platform', { registry });
export const source: GitSource = GitSource.remote('https://github.com/example/project.git', {
  branch: 'main',
});
export const pipeline: Pipeline = new Pipeline(app, 'project', { platform, source });
export const image: MakisuBuilder = new MakisuBuilder(pipeline, 'image', {
  target: registry.image('example/project-build', { tag: Tag.branch() }),
});
export const command: readonly string[] = ['./test.sh'];
export const build: KeelWatchedBuild = new KeelWatchedBuild(pipeline, 'build', { image, command });
export const release: Release = new Release(pipeline, 'release', { after: build });
/** A credential that may push. */
export const push: SecretSource = SecretSource.existing('registry-push', '.dockerconfigjson');
