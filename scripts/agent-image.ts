/** Builds the agent's image and pushes it to a registry: `npm run agent-image -- NAME[:TAG]`. */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { KEELSON_VERSION } from '../lib/agent/version.ts';
import { ImageName } from '../lib/image/image-name.ts';
import { AGENT_BUNDLE, bundleAgent } from './agent-bundle.ts';
import {
  buildArguments,
  findImageTool,
  IMAGE_TOOLS,
  ImageToolError,
  pushArguments,
  runImageTool,
} from './image-tools.ts';

const USAGE = `usage: npm run agent-image -- [options] NAME[:TAG]

Builds the agent's image and pushes it as NAME, such as registry.example.com/team/keelson-agent.
The tag is ${KEELSON_VERSION} unless given.

  --with=PROGRAM       ${IMAGE_TOOLS.join(', ')}; without it, the first of them that works here
  --base=IMAGE         the image to build on, in place of Docker Hub's node: a copy of it in your registry
  --platform=PLATFORM  the nodes' platform where it is not this machine's, such as linux/amd64
  --insecure           the registry speaks plain http, or its certificate is not known here
  --no-push            only build it
`;

interface Options {
  readonly image: ImageName;
  readonly program: string | undefined;
  readonly base: string | undefined;
  readonly platform: string | undefined;
  readonly insecure: boolean;
  readonly push: boolean;
}

function parse(args: readonly string[]): Options {
  const { values, positionals } = read(args);
  const [text] = positionals;
  if (text === undefined || positionals.length !== 1) throw new ImageToolError(`give one name\n\n${USAGE}`);
  const { registry, repository, tag = KEELSON_VERSION, digest } = ImageName.parse(text);
  const image = new ImageName({ registry, repository, tag });
  const [problem] = image.problems('NAME');
  if (problem !== undefined) {
    throw new ImageToolError(
      `${problem.property} ${JSON.stringify(problem.value)} ${problem.message}: ${problem.remedy}`,
    );
  }
  if (digest !== undefined)
    throw new ImageToolError(`${text} has a digest, which only a push makes: leave it out`);
  const push = !values['no-push'];
  if (push && registry === 'docker.io' && repository.startsWith('library/')) {
    throw new ImageToolError(
      `${text} names no registry: give such a name as registry.example.com/team/${text}`,
    );
  }
  const { with: program, base, platform, insecure } = values;
  return { image, program, base, platform, insecure, push };
}

function read(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        with: { type: 'string' },
        base: { type: 'string' },
        platform: { type: 'string' },
        insecure: { type: 'boolean', default: false },
        'no-push': { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new ImageToolError(`${(error as Error).message}\n\n${USAGE}`);
  }
}

async function main({ image, program, base, platform, insecure, push }: Options): Promise<void> {
  const name = String(image);
  const tool = findImageTool(program);
  await bundleAgent();
  console.log(`building ${name} with ${tool}`);
  runImageTool(
    tool,
    buildArguments({
      name,
      containerfile: fileURLToPath(new URL('../apps/agent/Containerfile', import.meta.url)),
      context: dirname(AGENT_BUNDLE),
      buildArgs: { VERSION: KEELSON_VERSION, ...(base !== undefined && { BASE: base }) },
      platform,
    }),
  );
  if (push) {
    if (insecure && tool === 'docker') {
      console.log(
        `docker takes no flag for a registry without TLS: ${image.registry} has to be in "insecure-registries" of its daemon.json`,
      );
    }
    runImageTool(tool, pushArguments(tool, name, insecure));
  }
  console.log(`${push ? 'pushed' : 'built'} ${name}
Pipelines run it with this prop of their Platform:
  agentImage: ImageName.parse('${name}'),`);
}

try {
  await main(parse(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof ImageToolError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
