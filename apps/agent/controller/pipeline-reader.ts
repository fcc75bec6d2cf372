import {
  PIPELINE_CONFIG_MAP,
  PIPELINE_KEY,
  type PipelineConfiguration,
} from '../../../lib/agent/configuration.ts';
import { parseDocument } from '../configuration.ts';
import { hasStatus } from '../kubernetes/errors.ts';
import type { KubernetesObject } from '../kubernetes/object.ts';
import type { ControllerContext } from './context.ts';

/** A pipeline without what is needed now and then only: templates are most of its bytes. */
export type SlimPipeline = Pick<
  PipelineConfiguration,
  'name' | 'source' | 'builds' | 'jobs' | 'generatedSecrets'
> & {
  readonly releases: boolean;
  readonly images: readonly Pick<PipelineConfiguration['images'][number], 'name' | 'target'>[];
};

interface ConfigMap extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** Reads the configuration in a pipeline's namespace. */
export class PipelineReader {
  readonly #context: ControllerContext;
  readonly #namespace: string;
  #version: string | undefined;

  constructor(context: ControllerContext, namespace: string) {
    this.#context = context;
    this.#namespace = namespace;
  }

  get #reference(): { apiVersion: string; kind: string; namespace: string; name: string } {
    return { apiVersion: 'v1', kind: 'ConfigMap', namespace: this.#namespace, name: PIPELINE_CONFIG_MAP };
  }

  /**
   * What has become of it since `taken` was called: nothing, or that there is none, or what it is now, with the version to
   * take. One that can't be read is new the next time as well.
   */
  async changed(): Promise<'unchanged' | 'gone' | { readonly slim: SlimPipeline; readonly version: string }> {
    // A namespace of the platform whose owner has given the controller no right there has no pipeline.
    const found = await this.#context.client.getMetadata(this.#reference).catch((error: unknown) => {
      if (hasStatus(error, 403)) return undefined;
      throw error;
    });
    if (found === undefined) {
      this.#version = undefined;
      return 'gone';
    }
    const { resourceVersion = '' } = found.metadata;
    if (resourceVersion === this.#version) return 'unchanged';
    return { slim: slim(await this.read()), version: resourceVersion };
  }

  /** Notes what has been taken over. */
  taken(version: string): void {
    this.#version = version;
  }

  /** The whole configuration as it is now. */
  async read(): Promise<PipelineConfiguration> {
    const found = await this.#context.client.get<ConfigMap>(this.#reference);
    const configuration = parseDocument('Pipeline', found?.data?.[PIPELINE_KEY] ?? '');
    const { platform, namespace } = configuration;
    if (platform === this.#context.configuration.platform && namespace === this.#namespace)
      return configuration;
    throw new Error(
      `${PIPELINE_CONFIG_MAP} in ${this.#namespace} is for the namespace ${namespace} of the platform ${platform}: apply the pipeline's own manifests there`,
    );
  }
}

function slim(configuration: PipelineConfiguration): SlimPipeline {
  const { name, source, builds, jobs, generatedSecrets, images, releases } = configuration;
  return {
    name,
    builds,
    jobs,
    generatedSecrets,
    images: images.map(({ name, target }) => ({ name, target })),
    releases: releases.length > 0,
    ...(source !== undefined && { source }),
  };
}
