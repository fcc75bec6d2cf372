import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { BASE_IMAGE } from './pipeline.ts';

/** What a commit of the project decides. */
export interface ProjectCommit {
  /** The version in the mark of README.md. */
  readonly version: string;
  /** How long the build goes on after both services have answered. */
  readonly seconds?: number;
  /** How the build's command ends. */
  readonly exitCode?: number;
}

/** The project's files at a commit. */
export async function projectFiles({
  version,
  seconds = 0,
  exitCode = 0,
}: ProjectCommit): Promise<Record<string, string>> {
  return {
    'README.md': `# Project <repo-version>${version}</repo-version>\n`,
    Dockerfile: dockerfile,
    'settings.json': `${JSON.stringify({ seconds, exitCode })}\n`,
    'check.mjs': await checkProgram(),
  };
}

/** As the agent's contract advises, with .git/HEAD: a new commit is then a new layer. */
const dockerfile = `FROM registry.container-registry.svc.cluster.local:5000/${BASE_IMAGE}
WORKDIR /project
COPY check.mjs settings.json /project/
COPY .git/HEAD /project/commit
RUN test -s /project/commit && echo built >/project/built
`;

let bundled: Promise<string> | undefined;

function checkProgram(): Promise<string> {
  bundled ??= bundle();
  return bundled;
}

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('project/check.ts', import.meta.url))],
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    write: false,
    tsconfigRaw: {},
    banner: {
      // amqplib is CommonJS and requires modules of Node.
      js: "import { createRequire as createBundleRequire } from 'node:module'; const require = createBundleRequire(import.meta.url);",
    },
  });
  return outputFiles[0]?.text ?? '';
}
