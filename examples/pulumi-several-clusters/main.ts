// The same pipeline on two clusters, each with a provider of its own. A cluster without GPUs builds without.
import type * as pulumi from '@pulumi/pulumi';
import {
  GitSource,
  GpuBuildNode,
  Gpus,
  type KeelsonApp,
  KeelWatchedBuild,
  MakisuBuilder,
  MicroK8sRegistry,
  Pipeline,
  Platform,
} from 'keelson';
import { KeelsonComponent, kubernetesProvider } from 'keelson/pulumi';

interface Cluster {
  readonly context: string;
  readonly nodeAddress: string;
  readonly gpus: Gpus;
}

const clusters: Readonly<Record<string, Cluster>> = {
  laptop: { context: 'microk8s', nodeAddress: '192.168.1.10', gpus: Gpus.none() },
  lab: { context: 'lab', nodeAddress: '10.20.0.5', gpus: Gpus.whole(1) },
};

function simulator(app: KeelsonApp, { nodeAddress, gpus }: Cluster): Pipeline {
  const platform = new Platform(app, 'platform', { registry: MicroK8sRegistry.existing({ nodeAddress }) });
  const pipeline = new Pipeline(app, 'simulator', {
    platform,
    source: GitSource.remote('https://github.com/example/simulator.git', { branch: 'main' }),
  });
  const image = new MakisuBuilder(pipeline, 'image', {
    target: platform.registry.image('example/simulator-build'),
  });
  const node = new GpuBuildNode(pipeline, 'gpu', { gpus });
  new KeelWatchedBuild(pipeline, 'build', { image, node, command: ['make', 'test'] });
  return pipeline;
}

const components: readonly (readonly [name: string, component: KeelsonComponent<Pipeline>])[] =
  Object.entries(clusters).map(([name, cluster]) => {
    const provider = kubernetesProvider(name, { context: cluster.context });
    return [name, new KeelsonComponent(name, { program: (app) => simulator(app, cluster) }, { provider })];
  });
export const namespaces: Readonly<Record<string, pulumi.Output<string>>> = Object.fromEntries(
  components.map(([name, component]) => [name, component.text(component.made.namespaceName)]),
);
