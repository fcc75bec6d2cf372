// What `pulumi up` applies at the project's root: the pipeline that synth.ts writes as manifests.
import * as pulumi from '@pulumi/pulumi';
import { KeelsonComponent } from 'keelson/pulumi';
import { optionsFromConfig } from './configuration.ts';
import { type StudioGoRunner, studioGoRunner } from './pipeline.ts';

const options = optionsFromConfig(new pulumi.Config());
const component: KeelsonComponent<StudioGoRunner> = new KeelsonComponent('studio-go-runner', {
  program: (app) => studioGoRunner(app, options),
});
const { platform, pipeline } = component.made;

/** The namespace in which the build runs. */
export const namespace: pulumi.Output<string> = component.text(pipeline.namespaceName);
/** The host that stands in the names of built images. */
export const imageHost: pulumi.Output<string> = component.text(platform.registry.imageHost);
