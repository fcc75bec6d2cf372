import type { PipelineConfiguration } from 'keelson';
import type { Ledger } from '../../apps/agent/controller/ledger.ts';
import { type KnownImage, parseImages } from '../../apps/agent/status/known-images.ts';
import type { Api, KubernetesObject } from '../cluster/api.ts';
import type { TestRepository } from '../support/git-repository.ts';
import type { GitServer } from '../support/git-server.ts';

/** A Job of an image build. */
export interface BuildJob extends KubernetesObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string }[] };
}

/** A pipeline of a watched platform, with its repository. */
export class WatchedProject {
  /** Its own namespace. */
  readonly home: string;
  readonly url: string;
  readonly repository: TestRepository;
  readonly git: GitServer;
  readonly #api: Api;

  constructor(
    api: Api,
    values: {
      readonly project: string;
      readonly home: string;
      readonly url: string;
      readonly repository: TestRepository;
      readonly git: GitServer;
    },
  ) {
    this.#api = api;
    this.home = values.home;
    this.url = values.url;
    this.repository = values.repository;
    this.git = values.git;
  }

  /** The Jobs of image builds that are there. */
  async jobs(): Promise<readonly BuildJob[]> {
    const selector = encodeURIComponent('keelson.dev/stage=image-build');
    const { items } = await this.#api.get<{ items: BuildJob[] }>(
      `/apis/batch/v1/jobs?labelSelector=${selector}`,
    );
    return items.filter(({ metadata }) => annotation(metadata, 'url') === this.url);
  }

  /** The namespaces that were made for commits. */
  async namespaces(): Promise<readonly KubernetesObject[]> {
    const selector = encodeURIComponent(`keelson.dev/home=${this.home}`);
    const path = `/api/v1/namespaces?labelSelector=${selector}`;
    return (await this.#api.get<{ items: KubernetesObject[] }>(path)).items;
  }

  /** What the controller has noted. */
  async ledger(): Promise<Ledger> {
    const path = `/api/v1/namespaces/${this.home}/configmaps/keelson-ledger`;
    const { data } = await this.#api.get<{ data?: Record<string, string> }>(path);
    return JSON.parse(data?.['ledger.json'] ?? '{"heads":{},"builds":[]}') as Ledger;
  }

  /** What a build's gate is told of images. */
  async images(statusConfigMap: string): Promise<readonly KnownImage[]> {
    const path = `/api/v1/namespaces/${this.home}/configmaps/${statusConfigMap}`;
    const { data } = await this.#api.get<{ data?: Record<string, string> }>(path);
    return parseImages(data?.['images.json']);
  }

  /** The Events that were written about it. */
  async events(): Promise<
    readonly (KubernetesObject & { readonly reason: string; readonly message: string })[]
  > {
    type Event = KubernetesObject & { readonly reason: string; readonly message: string };
    return (await this.#api.get<{ items: Event[] }>(`/api/v1/namespaces/${this.home}/events`)).items;
  }

  /** Its configuration, as the controller reads it. */
  async configuration(): Promise<PipelineConfiguration> {
    const path = `/api/v1/namespaces/${this.home}/configmaps/keelson-pipeline`;
    const { data } = await this.#api.get<{ data: Record<string, string> }>(path);
    return JSON.parse(data['pipeline.json'] ?? '') as PipelineConfiguration;
  }

  /** Changes its configuration, as applying other manifests would. */
  async configure(change: (before: PipelineConfiguration) => PipelineConfiguration): Promise<void> {
    const path = `/api/v1/namespaces/${this.home}/configmaps/keelson-pipeline`;
    const after = change(await this.configuration());
    const patch = { data: { 'pipeline.json': JSON.stringify(after) } };
    const contentType = 'application/merge-patch+json';
    const { status, body } = await this.#api.request('PATCH', path, patch, { contentType });
    if (status >= 300) throw new Error(`the configuration was refused: ${JSON.stringify(body)}`);
  }
}

/** What an annotation of ours says. */
export function annotation(metadata: KubernetesObject['metadata'], name: string): string | undefined {
  return (metadata['annotations'] as Record<string, string> | undefined)?.[`keelson.dev/${name}`];
}
