import type { Construct } from 'constructs';
import type { ImageBuilderProps } from 'keelson';
import { type BuildProgram, type BuildSteps, type ImageBuild, ImageBuilder, PodSecurity } from 'keelson';

/** Builds an image for each new commit with apko, of packages that a file of the repository lists. */
export class ApkoBuilder extends ImageBuilder {
  constructor(scope: Construct, id: string, props: ImageBuilderProps) {
    super(scope, id, props, program);
  }
}

const program: BuildProgram = {
  title: 'apko',
  // The tool in a version that you have tried.
  defaultImage: 'registry.example.com/tools/apko:0.30.4',
  // It unpacks packages into an archive and runs nothing of them, so it needs no rights.
  podSecurity: PodSecurity.restricted(),
  // What it writes is pushed for it, with an account that it never sees.
  pushes: 'never',
  steps,
};

function steps(build: ImageBuild): BuildSteps {
  const archive = 'archive' in build.output ? build.output.archive : '';
  return {
    container: {
      name: 'apko',
      image: build.image.toString(),
      args: ['build', '--sbom=false', build.dockerfile, `${build.target.pushName('built')}`, archive],
      workingDir: build.contextDirectory,
      env: [{ name: 'HOME', value: '/tmp' }],
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65532,
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      },
      resources: build.resources,
      volumeMounts: [...build.mounts, { name: 'apko-tmp', mountPath: '/tmp' }],
    },
    volumes: [{ name: 'apko-tmp', emptyDir: { sizeLimit: '5Gi' } }],
  };
}
