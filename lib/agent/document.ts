import type { ControllerConfiguration, GateConfiguration, PipelineConfiguration } from './configuration.ts';
import type { GitHubReleaseConfiguration } from './release.ts';
import type { BuildStatus, ReleaseStatus } from './status.ts';

/** Every document that library and agent exchange; `schema.json` beside this file is made from it. */
export type AgentDocument =
  | ControllerConfiguration
  | PipelineConfiguration
  | GateConfiguration
  | GitHubReleaseConfiguration
  | BuildStatus
  | ReleaseStatus;
