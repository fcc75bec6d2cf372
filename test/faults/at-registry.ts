import type { PipelineConfiguration } from 'keelson';

/** The configuration with its images at another registry, of plain http. */
export function atRegistry(configuration: PipelineConfiguration, host: string): PipelineConfiguration {
  const { images, builds } = configuration;
  return {
    ...configuration,
    images: images.map((image) => ({ ...image, target: { ...image.target, host, insecure: true } })),
    builds: builds.map((build) => ({ ...build, image: `${host}/team/build:main`, insecureRegistry: true })),
  };
}
