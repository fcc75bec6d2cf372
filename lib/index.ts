export * from './agent/index.ts';
export { SynthesisError } from './app/errors.ts';
export {
  createSecretCommand,
  type ExpectedSecret,
  expectedSecrets,
  type SecretMaker,
  type SecretReader,
} from './app/expected-secrets.ts';
export { declareStage, type StageNode } from './app/graph.ts';
export { imagesOf, type UsedImage } from './app/images.ts';
export { KeelsonApp, type KeelsonAppProps, type SynthesisResult } from './app/keelson-app.ts';
export type { KubernetesObject, Transform } from './app/render.ts';
export type { ObjectReference } from './app/synthesis.ts';
export { ArgoApplication, type ArgoApplicationProps } from './gitops/argo-application.ts';
export {
  FluxGitRepository,
  type FluxGitRepositoryProps,
  type FluxSource,
} from './gitops/flux-git-repository.ts';
export { FluxKustomization, type FluxKustomizationProps } from './gitops/flux-kustomization.ts';
export { GitRevision } from './gitops/git-revision.ts';
export type { GitOpsRepositoryProps } from './gitops/repository.ts';
export { GpuBuildNode, type GpuBuildNodeProps } from './gpu/gpu-build-node.ts';
export { GpuRuntimeClass, type GpuRuntimeClassProps } from './gpu/gpu-runtime-class.ts';
export { type DividedResource, GpuSharing, type TimeSlicingOptions } from './gpu/gpu-sharing.ts';
export { Gpus } from './gpu/gpus.ts';
export { NvidiaDevicePlugin, type NvidiaDevicePluginProps } from './gpu/nvidia-device-plugin.ts';
export type { DeviceListStrategy, MigStrategy } from './gpu/plugin-configuration.ts';
export { BaseImage, type BaseImageProps, type ImageBuilderClass } from './image/base-image.ts';
export type { BaseImages } from './image/base-images.ts';
export type {
  BuildProgram,
  BuildSecret,
  BuildSteps,
  ImageBuild,
  ImageOutput,
} from './image/build-program.ts';
export { BuildahBuilder, type BuildahBuilderProps } from './image/buildah-builder.ts';
export { BuildKitBuilder, type BuildKitBuilderProps } from './image/buildkit-builder.ts';
export { BuildKitDaemon, type ExistingBuildKitProps } from './image/buildkit-daemon.ts';
export type {
  BuildKitDaemonProps,
  BuildKitProfiles,
  BuildKitReference,
  BuildKitTls,
} from './image/buildkit-daemon-props.ts';
export { defaultImage, IMAGE_REGISTRY_CONTEXT } from './image/default-image.ts';
export { ImageBuilder } from './image/image-builder.ts';
export type { ImageBuilderProps } from './image/image-builder-props.ts';
export { ImageName, type ImageNameParts } from './image/image-name.ts';
export type { BuiltImage, ImageSource, PushedImage } from './image/image-source.ts';
export { KanikoBuilder, type KanikoBuilderProps } from './image/kaniko-builder.ts';
export { MakisuBuilder, type MakisuBuilderProps } from './image/makisu-builder.ts';
export { type LayerCache, RedisLayerCache, type RedisLayerCacheProps } from './image/redis-layer-cache.ts';
export { branchTag, Tag } from './image/tag.ts';
export { BuildJob } from './keel/build-job.ts';
export type { BuildJobProps } from './keel/build-job-props.ts';
export type { BuildProps, BuildVolumeProps, EnvironmentSource } from './keel/build-props.ts';
export type { HandOverProps, NeighbourKeelProps } from './keel/hand-over-props.ts';
export { Keel, type KeelProps } from './keel/keel.ts';
export { KeelPolicy, type SemverOptions, type SemverScope } from './keel/keel-policy.ts';
export type { KeelReference, WatchedRegistry, WatchRequest } from './keel/keel-reference.ts';
export { KeelTrigger, type WebhookOptions } from './keel/keel-trigger.ts';
export { KeelWatchedBuild } from './keel/keel-watched-build.ts';
export type { KeelWatchedBuildProps } from './keel/keel-watched-build-props.ts';
export { KeelWebhook, type KeelWebhookProps } from './keel/keel-webhook.ts';
export type { WebhookCredentials, WebhookEndpoint, WebhookSender } from './keel/webhook-endpoint.ts';
export { type Environment, type EnvironmentValue, PodField } from './kubernetes/environment.ts';
export type { ExternalSecretOptions, ExternalSecretStore } from './kubernetes/external-secret.ts';
export {
  GeneratedSecret,
  type GeneratedSecretProps,
  type SecretGenerator,
} from './kubernetes/generated-secret.ts';
export type { IngressControllerPeer, IngressEndpoint } from './kubernetes/ingress-endpoint.ts';
export { KeelsonAnnotations, KeelsonLabels, type Stage } from './kubernetes/labels.ts';
export { exceptFromLinters, type LinterCheck, type LinterException } from './kubernetes/linters.ts';
export { IsolatedNamespace, type IsolatedNamespaceProps, type QuotaLimits } from './kubernetes/namespace.ts';
export type { Destination, Egress, NetworkPolicyPeer } from './kubernetes/network.ts';
export type { NodeSelector } from './kubernetes/placement.ts';
export { PodSecurity, type PodSecurityLevel } from './kubernetes/pod-security.ts';
export type { Problem } from './kubernetes/problem.ts';
export { Grant, type GrantProps, type PolicyRule, type Subject } from './kubernetes/rbac.ts';
export type { ContainerResources } from './kubernetes/resources.ts';
export type { SealedSecretOptions, SealedSecretScope } from './kubernetes/sealed-secret.ts';
export {
  type ExistingSecretOptions,
  type LiteralSecretOptions,
  type SecretBindOptions,
  type SecretReference,
  SecretSource,
} from './kubernetes/secret-source.ts';
export { declareSecretUse, type SecretUse } from './kubernetes/secret-use.ts';
export type { AccessMode } from './kubernetes/storage.ts';
export { JobTemplate, type TemplateChange } from './pipeline/job-template.ts';
export { Pipeline, type PipelineProps } from './pipeline/pipeline.ts';
export {
  PipelineRecord,
  type PipelineRecordProps,
  type StageContribution,
  type StageProps,
} from './pipeline/pipeline-record.ts';
export { PodMixin, type PodTemplate } from './pipeline/pod-mixin.ts';
export {
  AdmissionPolicy,
  type AdmissionPolicyProps,
  ControllerAdmission,
  type ControllerAdmissionProps,
  KeelAdmission,
  type KeelAdmissionProps,
  type ResourceRule,
} from './platform/admission.ts';
export { Controller, type ControllerProps, type RetentionProps } from './platform/controller.ts';
export { ControllerWebhooks, type ControllerWebhooksProps } from './platform/controller-webhooks.ts';
export { type ExistingPlatformProps, Platform, type PlatformProps } from './platform/platform.ts';
export type { PlatformReference } from './platform/platform-reference.ts';
export { RegistryCollection, type RegistryCollectionProps } from './platform/registry-collection.ts';
export type { CollectedRegistry, GarbageCollectionProps } from './registry/garbage-collection.ts';
export {
  HostedRegistry,
  type HostedRegistryProps,
  type RegistryCredentials,
} from './registry/hosted-registry.ts';
export {
  type ExistingMicroK8sRegistryProps,
  MicroK8sRegistry,
  type MicroK8sRegistryProps,
} from './registry/microk8s-registry.ts';
export { type ImageOptions, ImageTarget, type NodeFile, type Registry } from './registry/registry.ts';
export { RegistryWorkload, type RegistryWorkloadProps } from './registry/registry-workload.ts';
export type { GitHubReleaseProps } from './release/github-release.ts';
export { GitHubRelease } from './release/github-release.ts';
export { ImageCopy, type ImageCopyProps } from './release/image-copy.ts';
export { Release, type ReleaseProps } from './release/release.ts';
export { type ReleaseContribution, ReleasePlan, type ReleasePlanOptions } from './release/release-plan.ts';
export { MinioRabbitTestStack, type MinioRabbitTestStackProps } from './services/minio-rabbit-test-stack.ts';
export { MinioService, type MinioServiceProps } from './services/minio-service.ts';
export { RabbitService, type RabbitServiceProps } from './services/rabbit-service.ts';
export type { ServiceCredentials, TestServiceProps } from './services/service-props.ts';
export type { TestService } from './services/test-service.ts';
export { CommitStatuses, type CommitStatusesOptions } from './source/commit-statuses.ts';
export {
  type BranchSelection,
  GitCredential,
  type GitOptions,
  GitSource,
  type GitWebhookOptions,
  type LocalDirectory,
  type LocalGitOptions,
  type RemoteGitOptions,
} from './source/git-source.ts';
export type { StatusTarget } from './source/status-target.ts';
export { Version } from './source/version.ts';
