// What no prop says, for a part of the program: mixins of constructs, applied to the constructs below one.
import { ApiObject } from 'cdk8s';
import type { IConstruct, IMixin } from 'constructs';
import {
  GitSource,
  JobTemplate,
  KeelsonApp,
  KeelWatchedBuild,
  MakisuBuilder,
  MicroK8sRegistry,
  Pipeline,
  Platform,
  PodMixin,
  Tag,
} from 'keelson';

/** Says of every object whom to ask, those included that the controller makes for a commit. */
class Team implements IMixin {
  readonly #label: Readonly<Record<string, string>>;

  constructor(team: string) {
    this.#label = { 'example.com/team': team };
  }

  supports(construct: IConstruct): boolean {
    return ApiObject.isApiObject(construct) || JobTemplate.of(construct) !== undefined;
  }

  applyTo(construct: IConstruct): void {
    if (ApiObject.isApiObject(construct)) {
      for (const [key, value] of Object.entries(this.#label)) construct.metadata.addLabel(key, value);
    }
    JobTemplate.of(construct)?.addChange(({ metadata, ...object }) => {
      const labels = { ...(metadata['labels'] as object | undefined), ...this.#label };
      return { ...object, metadata: { ...metadata, labels } };
    });
  }
}

/** Keeps all pods on the nodes of a pool, and lets the nodes pull from an account of the company's mirror. */
const onPool = new PodMixin((pod) => ({
  ...pod,
  spec: {
    ...pod.spec,
    nodeSelector: { ...pod.spec.nodeSelector, 'example.com/pool': 'ci' },
    imagePullSecrets: [...(pod.spec.imagePullSecrets ?? []), { name: 'mirror' }],
  },
}));

/** Doesn't put pods of one kind on one node, where there is another. */
const spread = new PodMixin(({ metadata, spec }) => ({
  metadata,
  spec: {
    ...spec,
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: {
          matchLabels: { 'app.kubernetes.io/name': metadata.labels?.['app.kubernetes.io/name'] ?? '' },
        },
      },
    ],
  },
}));

const app = new KeelsonApp();
const platform = new Platform(app, 'platform', {
  registry: MicroK8sRegistry.existing({ nodeAddress: '192.168.1.10' }),
});
const pipeline = new Pipeline(app, 'hello', {
  platform,
  source: GitSource.remote('https://github.com/example/hello.git', { branch: 'main' }),
});
const image = new MakisuBuilder(pipeline, 'image', {
  target: platform.registry.image('example/hello-build', { tag: Tag.branch() }),
});
const build = new KeelWatchedBuild(pipeline, 'build', { image, command: ['make', 'test'] });

// At the end, when everything is there: mixins don't look at what is made after them.
app.with(new Team('ci'));
platform.with(spread);
pipeline.with(onPool);
build.with(new PodMixin((pod) => ({ ...pod, spec: { ...pod.spec, priorityClassName: 'builds' } })));
app.synth();
