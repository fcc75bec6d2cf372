import { spawnSync } from 'node:child_process';

/** The programs that build images, in the order in which they are looked for. */
export const IMAGE_TOOLS = ['docker', 'podman', 'buildah'] as const;
/** A program that builds images and pushes them. */
export type ImageTool = (typeof IMAGE_TOOLS)[number];

/** What is wrong with a command line or with this machine, said to who typed the command: without a stack. */
export class ImageToolError extends Error {
  override readonly name = 'ImageToolError';
}

/** The first of the programs that works here, or the one that is asked for. */
export function findImageTool(wanted: string | undefined): ImageTool {
  const tools = IMAGE_TOOLS.filter((tool) => wanted === undefined || tool === wanted);
  if (tools.length === 0) throw new ImageToolError(`--with=${wanted} is none of ${IMAGE_TOOLS.join(', ')}`);
  const reasons: string[] = [];
  for (const tool of tools) {
    const reason = whyUnusable(tool);
    if (reason === undefined) return tool;
    reasons.push(`${tool}: ${reason}`);
  }
  throw new ImageToolError(
    `no program here can build an image\n  ${reasons.join('\n  ')}\nInstall one of them, or start its daemon or virtual machine.`,
  );
}

/** With docker, and podman on a Mac, the program can be there while what it talks to is not. */
function whyUnusable(tool: ImageTool): string | undefined {
  const { error, status, stderr } = spawnSync(tool, ['version'], { encoding: 'utf8', timeout: 30_000 });
  if (error !== undefined) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? 'not installed' : error.message;
  }
  if (status === 0) return undefined;
  return stderr.trim().split('\n').at(-1) || `\`${tool} version\` ended with exit code ${status}`;
}

/** What an image is built from. */
export interface ImageSources {
  readonly name: string;
  readonly containerfile: string;
  readonly context: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** Such as `linux/amd64`; that of the machine where it is left out. */
  readonly platform: string | undefined;
}

/** The arguments by which each of the programs builds an image. */
export function buildArguments({
  name,
  containerfile,
  context,
  buildArgs,
  platform,
}: ImageSources): string[] {
  const args = Object.entries(buildArgs).map(([key, value]) => `--build-arg=${key}=${value}`);
  return [
    'build',
    `--file=${containerfile}`,
    `--tag=${name}`,
    ...args,
    ...(platform === undefined ? [] : [`--platform=${platform}`]),
    context,
  ];
}

/** The arguments by which it pushes one. Docker has no flag for a registry without TLS: its daemon has to know. */
export function pushArguments(tool: ImageTool, name: string, insecure: boolean): string[] {
  return ['push', ...(insecure && tool !== 'docker' ? ['--tls-verify=false'] : []), name];
}

/** Runs the program before the eyes of who started it. */
export function runImageTool(tool: ImageTool, args: readonly string[]): void {
  const { error, status, signal } = spawnSync(tool, args, { stdio: 'inherit' });
  if (error !== undefined) throw new ImageToolError(`${tool} ${args[0]}: ${error.message}`);
  if (status !== 0) {
    throw new ImageToolError(
      `\`${tool} ${args.join(' ')}\` ended with ${signal ?? `exit code ${status}`}: what it said is above`,
    );
  }
}
