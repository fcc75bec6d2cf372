import type { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import type { ConfigMap } from 'kubernetes-types/core/v1.d.ts';
import { placeholder } from '../agent/job-template.ts';
import { declareStage } from '../app/graph.ts';
import { defaultImage } from '../image/default-image.ts';
import { ImageName } from '../image/image-name.ts';
import {
  type PushOptions,
  pushConfigMaps,
  pushContainer,
  pushVolumes,
  type RegistryEnd,
  SKOPEO_IMAGE,
} from '../image/push-container.ts';
import { isDnsLabel } from '../kubernetes/names.ts';
import { kubeObject, type Typed } from '../kubernetes/object.ts';
import { type Problem, reportProblem, reportProblems } from '../kubernetes/problem.ts';
import type { SecretReference, SecretSource } from '../kubernetes/secret-source.ts';
import { JobTemplate } from '../pipeline/job-template.ts';
import { recordAbove } from '../pipeline/pipeline-record.ts';
import { sound } from '../props/sound.ts';
import { missingTarget } from '../props/stand-ins.ts';
import { accountProblems, bindDockerConfig } from '../registry/docker-config.ts';
import type { ImageTarget } from '../registry/registry.ts';
import { releaseJobTemplate } from './release-job.ts';
import { ReleasePlan } from './release-plan.ts';

/** Props of {@link ImageCopy}. */
export interface ImageCopyProps {
  /** Where the image goes, such as `HostedRegistry.quay({ … }).image('me/project', { tag: Tag.version() })`. */
  readonly to: ImageTarget;
  /**
   * A Docker configuration (`.dockerconfigjson`) with an account that pulls the tested image, in the namespace
   * of the release.
   * @default - the first of the registry's pullCredentials, looked for in that namespace
   */
  readonly pullCredential?: SecretSource;
  /**
   * Skopeo's image.
   * @default quay.io/skopeo/stable:v1.20.0
   */
  readonly image?: ImageName;
}

/**
 * Copies the image that was tested, by its digest, to another registry: all its platforms and attestations,
 * under the same digest. It is a part of a `Release`, in whose namespace the account lies that pushes; where
 * that is missing, the copy is skipped.
 *
 * @example
 * const release = new Release(pipeline, 'release', { after: build });
 * new ImageCopy(release, 'quay', {
 *   to: HostedRegistry.quay({
 *     pushCredential: SecretSource.existing('quay-robot', '.dockerconfigjson'),
 *   }).image('me/project', { tag: Tag.version() }),
 * });
 */
export class ImageCopy extends Construct {
  /** The ConfigMaps with the certificate authorities of the registries, where they have private ones. */
  readonly certificateAuthorities: readonly ApiObject[];
  /** The Job that is made for a commit; undefined outside of a release, which is reported. */
  readonly jobTemplate: JobTemplate | undefined;

  constructor(scope: Construct, id: string, given: ImageCopyProps) {
    super(scope, id);
    const props = sound(this, 'ImageCopyProps', given, { to: missingTarget() });
    const { to } = props;
    const plan = ReleasePlan.of(this);
    const skopeo = props.image ?? defaultImage(this, SKOPEO_IMAGE);
    reportProblems(this, this.#problems(to, skopeo));
    if (plan === undefined) {
      this.#reportOutside();
      this.certificateAuthorities = [];
      return;
    }
    const { namespace, tested, pipelineName, timeoutSeconds } = plan;
    const record = recordAbove(this);
    const branches = record?.source?.branches ?? [];
    plan.checkTarget(this, 'to', to, branches);
    record?.pushes.add(this, 'to', to, branches);
    const push: PushOptions = {
      skopeo,
      prefix: `${id}-`,
      from: {
        ...this.#end(
          tested.registry,
          this.#bind(
            'pullCredential',
            props.pullCredential ?? tested.registry?.pullCredentials?.[0],
            namespace,
          ),
        ),
        image: new ImageName({
          registry: tested.image.registry,
          repository: tested.image.repository,
          digest: placeholder('digest'),
        }),
      },
      to: {
        ...this.#end(
          to.registry,
          this.#bind('to.registry.pushCredential', to.registry.pushCredential, namespace),
        ),
        names: [to.pushName(to.tag.template)],
      },
    };
    this.certificateAuthorities = pushConfigMaps(push, namespace).map((map, index) =>
      kubeObject<ConfigMap>(this, `certificate-authority-${index}`, map as Typed<ConfigMap>),
    );
    const jobTemplate = new JobTemplate(this, () =>
      releaseJobTemplate({
        name: id,
        pipeline: pipelineName,
        namespace,
        timeoutSeconds,
        initContainers: [],
        container: pushContainer(push),
        volumes: pushVolumes(push),
      }),
    );
    this.jobTemplate = jobTemplate;
    plan.contribute({
      job: () => ({ name: id, jobTemplate: jobTemplate.objects() }),
      destinations: () => [...(tested.registry?.destinations ?? []), ...to.registry.destinations],
    });
    declareStage(this, {
      title: `copy ${id}`,
      detail: to.imageName(to.tag.template).toString(),
      inputs: [{ from: this.node.scope ?? this }],
    });
  }

  #bind(property: string, source: SecretSource | undefined, namespace: string): SecretReference | undefined {
    const id = `${this.node.id}-${property === 'pullCredential' ? 'pull' : 'push'}`;
    // Without it the copy is skipped.
    return source && bindDockerConfig(this, id, source, property, { namespace, optional: true });
  }

  #end(
    registry: Partial<RegistryEnd['registry']> | undefined,
    credential: SecretReference | undefined,
  ): RegistryEnd {
    const { insecure = false, certificateAuthority } = registry ?? {};
    return { registry: { insecure, certificateAuthority }, credential };
  }

  #problems(to: ImageTarget, skopeo: ImageName): Problem[] {
    const { id } = this.node;
    const name = to.imageName(to.tag.template);
    const problems: Problem[] = [
      ...to.registry.problems('to.registry'),
      ...to.tag.problems('to.tag'),
      ...accountProblems('to.registry', to.registry),
      ...name.problems('to').filter(({ property }) => property === 'to.repository'),
      ...skopeo.problems('image'),
    ];
    if (isDnsLabel(id) && id.length <= 20) return problems;
    return [
      ...problems,
      {
        property: 'id',
        value: id,
        message: 'is not a valid name of a part of a release',
        remedy:
          'use at most 20 lower-case letters, digits and "-", starting and ending with a letter or digit',
      },
    ];
  }

  #reportOutside(): void {
    reportProblem(this, {
      property: 'scope',
      value: this.node.scope?.node.path,
      message: 'is no part of a release, so that nothing would start the copy',
      remedy: 'make the copy below a Release',
    });
  }
}
